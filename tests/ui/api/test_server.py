"""What is wrong with the settings is told before the server starts, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import uvicorn

from ui.cli import run

SECRETS = {"ASK_BOT_FORUM": "discourse", "ASK_BOT_SECRETS": "long-and-random"}
NAMED = {**SECRETS, "ASK_BOT_URL": "https://forum.example.org"}


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled when a server starts; the notes and the journal are good."""
    calls: list[str] = []
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: calls.append("started"))
    monkeypatch.setattr("ui.api.server.log_as_json", lambda: None)
    (tmp_path / "note.md").write_text("# Docker\n")
    monkeypatch.setenv("ASK_NOTES", str(tmp_path))
    monkeypatch.setenv("ASK_JOURNAL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    return calls


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ASK_NOTES": "/nowhere"}, "There are no notes at /nowhere. "),
        (
            {"ASK_JOURNAL": "postgresql+psycopg://me:secret@127.0.0.1:1/x"},
            "The journal at postgresql+psycopg://me:***@",
        ),
        ({"ASK_BOT_FORUM": "discourse"}, "Deliveries of the forum must be signed: ASK_BOT_SECRETS; "),
        ({"ASK_BOT_FORUM": "spirit", "ASK_BOT_SECRETS": "short"}, "A secret of ASK_BOT_SECRETS is no base64 of "),
        (SECRETS, "The bot needs ASK_BOT_URL as well; "),
        (NAMED, "The bot needs ASK_BOT_USER as well; "),
        ({**NAMED, "ASK_BOT_USER": "notesbot"}, "The bot needs ASK_BOT_KEY as well; "),
    ],
    ids=["notes", "journal", "no secrets", "wrong secret", "no address", "no user", "no key"],
)
def test_what_is_wrong_is_told_before_it_starts(
    variables: dict[str, str],
    says: str,
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(["serve", "--port", "0"]) in {1, 2}
    assert capfd.readouterr().err.startswith(f"ask: {says}")
    assert not started


def test_a_server_that_is_no_bot_needs_no_key_of_one(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SECRETS, "ASK_BOT_IN_SERVE": "false"}.items():
        monkeypatch.setenv(name, value)
    assert run(["serve", "--port", "0"]) == 0
    assert started


def test_a_damaged_journal_is_told(started: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "journal.sqlite3").write_text("this is no database at all, and long enough to be looked at" * 20)
    assert run(["serve", "--port", "0"]) == 0
    assert "is damaged" in capfd.readouterr().err
    assert started


@pytest.mark.parametrize(
    ("host", "variables", "is_told"),
    [
        ("0.0.0.0", {}, True),
        ("::", {}, True),
        ("0.0.0.0", {"ASK_PUBLIC_URL": "https://ask.example.org"}, False),
        ("127.0.0.1", {}, False),
    ],
)
def test_links_that_nobody_can_open_are_told_of(
    host: str,
    variables: dict[str, str],
    is_told: bool,
    started: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(["serve", "--host", host, "--port", "0"]) == 0
    assert ("ASK_PUBLIC_URL=" in capfd.readouterr().err) == is_told
    assert started == ["started"]
