from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from assistant.answer import ToolRun
from assistant.docker import audit
from assistant.docker.audit import MAX_REQUEST, AuditLog
from assistant.docker.tool import audit_log

RUN = ToolRun(
    argv=("docker", "logs", "--tail=5", "--", "web"),
    allowed=True,
    exit_code=0,
    stdout="output that nobody keeps\n",
    stderr="neither this\n",
    truncated=True,
    redactions=2,
    duration_ms=12.5,
    engine="/run/docker.sock (Docker 28.2.2)",
)
REFUSED = ToolRun(argv=(), allowed=False, reason="docker rm changes something, and here things are only looked at")


def _add(log: AuditLog, run: ToolRun = RUN, request: str = "docker logs -n 5 web") -> None:
    log.add(run, surface="cli", user="anna", proposed_by="person", request=request, tier="content")


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


def test_a_run_is_one_line_without_its_output(tmp_path: Path) -> None:
    log = audit_log(tmp_path)
    _add(log)
    (row,) = _rows(log.path)
    assert row.pop("time").startswith("20")
    assert len(row.pop("sha256")) == 64
    assert row == {
        "surface": "cli",
        "user": "anna",
        "proposed_by": "person",
        "request": "docker logs -n 5 web",
        "allowed": True,
        "reason": None,
        "argv": list(RUN.argv),
        "tier": "content",
        "engine": RUN.engine,
        "exit_code": 0,
        "duration_ms": 12.5,
        "bytes": len(RUN.stdout) + len(RUN.stderr),
        "truncated": True,
        "redactions": 2,
    }
    assert "nobody keeps" not in log.path.read_text()
    assert "neither this" not in log.path.read_text()


def test_a_refusal_is_noted_with_its_reason(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log")
    _add(log, REFUSED, "docker rm web")
    (row,) = _rows(log.path)
    assert (row["allowed"], row["reason"], row["request"], row["argv"]) == (False, REFUSED.reason, "docker rm web", [])


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "new" / "folder" / "log")
    _add(log)
    _add(log)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert len(_rows(log.path)) == 2


@pytest.mark.parametrize(
    ("request_text", "noted"),
    [
        ("docker ps\n{}", "docker ps\n{}"),
        ("docker ps \x1b[2J\u202e", "docker ps <U+202E>"),
        ("docker login --password hunter2", "docker login --password <redacted>"),
        ("docker ps \ud800", "docker ps ?"),
        ("x" * 9_000, "x" * MAX_REQUEST),
    ],
)
def test_a_request_is_cleaned_redacted_and_cut(tmp_path: Path, request_text: str, noted: str) -> None:
    log = AuditLog(tmp_path / "log")
    _add(log, REFUSED, request_text)
    (row,) = _rows(log.path)  # one line, whatever is in it
    assert row["request"] == noted


def test_a_full_file_is_kept_once_and_a_new_one_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_BYTES", 1_500)
    log = AuditLog(tmp_path / "log")
    for number in range(12):
        _add(log, request=f"docker logs web{number}")
    old = tmp_path / "log.1"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1"]
    assert _rows(log.path)[-1]["request"] == "docker logs web11"
    assert _rows(old)[-1]["request"] == "docker logs web" + str(11 - len(_rows(log.path)))
    assert old.stat().st_size < 2_500
    assert stat.S_IMODE(old.stat().st_mode) == stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _add(AuditLog(tmp_path / "file" / "log"))
    _add(AuditLog(tmp_path))
    assert (tmp_path / "file").read_text() == ""
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
