from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assistant.answer import ToolRun
from ui.cli import run
from ui.docker_command import check_lines, show_run, verdict

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from ui.cli import main; main()"]
NOWHERE = "unix:///nonexistent/docker.sock"


class Ended(NamedTuple):
    """How one run of `ask` ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`ask docker` in this process, where there is no engine; `given` is its standard input."""
    monkeypatch.setenv("ASK_DOCKER_HOST", NOWHERE)

    def asked(*words: str, given: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
        capfd.readouterr()
        code = run(["docker", *words])
        return Ended(code, *capfd.readouterr())

    return asked


def _sentence(text: str) -> bool:
    return text.startswith("ask: ") and text.count("\n") == 1 and "mistake in the program" not in text


def _rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.split("\n")[:-1]]


class TestCheck:
    def test_each_line_has_its_verdict_in_order(self, ask: Callable[..., Ended]) -> None:
        ended = ask("--check", given=b"docker ps -a\ndocker rm -f web\ndocker logs web")
        assert (ended.code, ended.err) == (0, "")
        first, second, third = _rows(ended.out)
        assert first == {
            "command": "docker ps -a",
            "verdict": "allow",
            "argv": ["docker", "ps", "--all=true"],
            "reason": None,
        }
        assert (second["command"], second["verdict"], second["argv"]) == ("docker rm -f web", "refuse", None)
        assert "changes something" in second["reason"]
        assert third["argv"] == ["docker", "logs", "--tail=200", "--", "web"]

    @pytest.mark.parametrize(
        ("line", "command", "allowed"),
        [
            (b"docker ps\r", "docker ps\r", False),
            (b"docker ps\rdocker rm web", "docker ps\rdocker rm web", False),
            (b"", "", False),
            (b"   ", "   ", False),
            (b"docker ps \xff", "docker ps \ufffd", False),
            (b"docker ps \xed\xa0\x80", "docker ps \ufffd\ufffd\ufffd", False),
            ("docker ps \u2028x".encode(), "docker ps \u2028x", False),
            (b"docker ps \x0b\x0c\x1c\x85", "docker ps \x0b\x0c\x1c\ufffd", False),
            (b"docker ps\0", "docker ps\0", False),
            (b'["docker", "ps", "-a"]', '["docker", "ps", "-a"]', True),
            (b'["docker", "logs", "a b"]', '["docker", "logs", "a b"]', False),
            (b'["docker", 1]', '["docker", 1]', False),
            (b"[", "[", False),
            (b"[" * 5_000, "[" * 5_000, False),
            (b' ["docker", "ps"]', ' ["docker", "ps"]', False),
            (b"x" * 100_000, "x" * 100_000, False),
        ],
    )
    def test_a_line_is_kept_as_it_is(self, ask: Callable[..., Ended], line: bytes, command: str, allowed: bool) -> None:
        """No line is split, trimmed or left out, so that the verdicts stay beside the lines."""
        rows = _rows(ask("--check", given=b"docker ps\n" + line + b"\ndocker version\n").out)
        assert [row["verdict"] for row in rows] == ["allow", "allow" if allowed else "refuse", "allow"]
        assert rows[1]["command"] == command
        assert bool(rows[1]["reason"]) is not allowed
        assert bool(rows[1]["argv"]) is allowed

    def test_without_lines_there_are_no_verdicts(self, ask: Callable[..., Ended]) -> None:
        assert ask("--check") == Ended(0, "", "")
        assert _rows(ask("--check", given=b"\n").out) == [verdict("")]

    def test_a_verdict_comes_as_soon_as_its_line(self) -> None:
        written: list[tuple[int, str]] = []

        class Lines(io.RawIOBase):
            read_so_far = 0

            def __next__(self) -> bytes:
                self.read_so_far += 1
                if self.read_so_far > 3:
                    raise StopIteration
                return b"docker ps\n"

        class Out(io.StringIO):
            def flush(self) -> None:
                written.append((lines.read_so_far, self.getvalue()))

        lines = Lines()
        assert check_lines(lines, Out()) == 0  # type: ignore[arg-type]
        assert [place for place, _ in written][:3] == [1, 2, 3]
        assert written[0][1].count("\n") == 1

    def test_the_process_does_the_same_in_any_locale(self, tmp_path: Path) -> None:
        environment = {"PYTHONPATH": str(ROOT), "ASK_HOME": str(tmp_path), "HOME": str(tmp_path), "LC_ALL": "C"}
        done = subprocess.run(
            [*COMMAND, "docker", "--check"],
            input="docker ps\ndocker logs wéb \u202e\r\n".encode(),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=True,
        )
        rows = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
        assert [row["verdict"] for row in rows] == ["allow", "refuse"]
        assert rows[1]["command"] == "docker logs wéb \u202e\r"
        assert done.stderr == b""
        assert list(tmp_path.iterdir()) == []


ARGV = ("docker", "ps", "--all=true")


class TestShowRun:
    @pytest.mark.parametrize(
        ("exit_code", "code"),
        [(0, 0), (1, 1), (125, 1), (None, 1)],
    )
    def test_output_goes_where_it_came_from(
        self, capfd: pytest.CaptureFixture[str], exit_code: int | None, code: int
    ) -> None:
        ran = ToolRun(
            ARGV, allowed=True, exit_code=exit_code, stdout="out\nx", stderr="problem\n", engine="/run/d.sock"
        )
        assert show_run(ran, as_json=False) == code
        out, err = capfd.readouterr()
        assert out == "out\nx"
        assert err == "$ docker ps --all=true\nproblem\n(answered by /run/d.sock)\n"

    def test_a_refusal_is_a_sentence_and_exits_with_4(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert show_run(ToolRun((), allowed=False, reason="no pipes here"), as_json=False) == 4
        assert capfd.readouterr() == ("", "ask: not run: no pipes here.\n")

    def test_what_is_missing_is_said(self, capfd: pytest.CaptureFixture[str]) -> None:
        show_run(ToolRun(ARGV, allowed=True, exit_code=0, stdout="A=<redacted>\n", truncated=True), as_json=False)
        out, err = capfd.readouterr()
        assert out == "A=<redacted>\n"
        assert "(there was more; only its beginning is shown)\n(values that look secret are not shown)\n" in err

    def test_nothing_acts_on_the_terminal(self, capfd: pytest.CaptureFixture[str]) -> None:
        hostile = "\x1b[2Jout\u202e\x9b31m\n"
        show_run(ToolRun((*ARGV, hostile), allowed=True, exit_code=0, stdout=hostile, stderr=hostile), as_json=False)
        show_run(ToolRun((), allowed=False, reason=hostile), as_json=False)
        out, err = capfd.readouterr()
        assert not {"\x1b", "\u202e", "\x9b"} & set(out + err)

    @pytest.mark.parametrize(
        ("ran", "code"),
        [
            (ToolRun(ARGV, allowed=True, exit_code=0, stdout="a\ud800\u202e"), 0),
            (ToolRun(ARGV, allowed=True, exit_code=7), 1),
            (ToolRun((), allowed=False, reason="no"), 4),
        ],
    )
    def test_json_is_all_that_is_known(self, capfd: pytest.CaptureFixture[str], ran: ToolRun, code: int) -> None:
        assert show_run(ran, as_json=True) == code
        out, err = capfd.readouterr()
        shown = json.loads(out)
        assert (tuple(shown["argv"]), shown["allowed"], shown["exit_code"]) == (ran.argv, ran.allowed, ran.exit_code)
        assert err == ""


class TestAskDocker:
    @pytest.mark.parametrize("words", [["ps"], ["ps", "-a"], ["docker", "ps"], ["ps -a"], ["--json", "ps"]])
    def test_without_an_engine_it_is_said_in_a_sentence(self, ask: Callable[..., Ended], words: list[str]) -> None:
        ended = ask(*words)
        assert (ended.code, ended.out) == (1, "")
        assert _sentence(ended.err)
        assert "where no engine listens" in ended.err

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["rm", "-f", "web"], "docker rm changes something"),
            (["docker", "rm", "web"], "docker rm changes something"),
            (["logs", "-f", "web"], "--follow never ends; try: docker logs -n 50 web"),
            (["ps | grep web"], "no pipes here; try: docker ps --filter name=web"),
            (["ps; rm -rf /"], "no second commands here"),
            (["-H", "tcp://x", "ps"], "-H chooses another engine"),
            (["compose", "ps"], "is a plugin"),
            (["evil"], "docker evil is none of the commands"),
            (["inspect", "../x"], "takes the name or id"),
        ],
    )
    def test_what_is_refused_is_refused_without_an_engine_too(
        self, ask: Callable[..., Ended], ask_home: Path, words: list[str], says: str
    ) -> None:
        ended = ask(*words)
        assert (ended.code, ended.out) == (4, "")
        assert _sentence(ended.err)
        assert says in ended.err
        (row,) = map(json.loads, (ask_home / "docker-audit.jsonl").read_text().splitlines())
        assert (row["surface"], row["allowed"], row["proposed_by"]) == ("cli", False, "person")

    def test_a_refusal_as_json(self, ask: Callable[..., Ended]) -> None:
        ended = ask("--json", "rm", "web")
        assert ended.code == 4
        assert json.loads(ended.out)["allowed"] is False

    def test_alone_it_is_a_wrong_call(self, ask: Callable[..., Ended]) -> None:
        ended = ask()
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == "ask: Which docker command? For instance: ask docker ps -a\n"

    def test_help_tells_what_it_does(self, ask: Callable[..., Ended]) -> None:
        ended = ask("--help")
        assert (ended.code, ended.err) == (0, "")
        assert "ask docker ps -a" in " ".join(ended.out.split())
        assert "--check" in ended.out
