"""`ask journal` and `ask keys`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.answer import Answer
from assistant.journal import Journal
from assistant.keys import Keys
from ui.cli import run

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    named = f"sqlite:///{tmp_path / 'j.sqlite3'}"
    monkeypatch.setenv("ASK_JOURNAL", named)
    return named


@pytest.fixture
def asked(capfd: pytest.CaptureFixture[str], url: str) -> Ask:
    def called(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(words)
        return (code, *capfd.readouterr())

    del url
    return called


def _kept(url: str) -> None:
    journal = Journal.open(url)
    journal.keep_answer(Answer("a1", "How \u00e9?", "How?", "answered", "So."), user="ada")
    journal.close()


def _found(url: str, secret: str) -> Any:
    journal = Journal.open(url)
    try:
        return Keys(journal).find(secret)
    finally:
        journal.close()


def test_a_key_is_shown_once_and_can_be_revoked(asked: Ask, url: str) -> None:
    code, secret, said = asked("keys", "add", "forum", "--scope", "ask", "--scope", "staff")
    key = _found(url, secret.strip())
    assert (code, key.scopes) == (0, ("ask", "staff"))
    assert key.id in said
    _, listed, _ = asked("keys", "list")
    assert "good  ask,staff  forum" in listed
    assert secret.strip() not in listed
    assert asked("keys", "revoke", key.id)[0] == 0
    assert _found(url, secret.strip()) is None
    assert asked("keys", "revoke", key.id)[0] == 2
    assert "revoked" in asked("keys", "list")[1]


def test_a_scope_that_is_none_is_told(asked: Ask) -> None:
    code, _, said = asked("keys", "add", "forum", "--scope", "root")
    assert code == 2
    assert "ask, staff" in said


def test_an_export_is_one_object_a_line(asked: Ask, url: str) -> None:
    _kept(url)
    code, out, _ = asked("journal", "export")
    row, asking = [json.loads(line) for line in out.splitlines()]
    assert (code, row["table"], row["question"], row["user_id"]) == (0, "answers", "How \u00e9?", "ada")
    assert (asking["table"], asking["answer"], asking["times"]) == ("askings", "a1", 1)


def test_what_belongs_to_a_reader_is_removed(asked: Ask, url: str) -> None:
    _kept(url)
    assert asked("journal", "forget", "ada")[1] == "Removed 1 rows.\n"
    assert asked("journal", "export")[1] == ""


def test_what_is_old_is_removed_by_the_setting_or_by_hand(
    asked: Ask, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kept(url)
    assert asked("journal", "purge")[0] == 2
    monkeypatch.setenv("ASK_KEEP_DAYS", "7")
    assert asked("journal", "purge")[1] == "Removed 0 rows older than 7 days.\n"
    assert asked("journal", "purge", "--days", "9")[1] == "Removed 0 rows older than 9 days.\n"


def test_tables_are_brought_up_to_date(asked: Ask) -> None:
    assert asked("journal", "upgrade")[1].endswith("the newest.\n")


def test_where_nothing_is_kept_there_is_nothing_to_look_after(asked: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASK_JOURNAL", "none")
    for words in (("keys", "list"), ("journal", "export")):
        code, _, said = asked(*words)
        assert code == 2
        assert "ASK_JOURNAL=URL" in said
