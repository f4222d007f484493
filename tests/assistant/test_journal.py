from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.answer import Answer, Citation, Claim, ShownCommand, Timings, ToolRun, Via
from assistant.database import FILE, MEMORY, journal_url
from assistant.journal import Journal
from corpus.errors import JournalProblem

ANSWER = Answer(
    "0123456789abcdef0123",
    "How do I publish a port?",
    "How do I publish a port?",
    "answered",
    "- with `-p` [1]",
    claims=(Claim("with `-p`", (1,), "verbatim"),),
    citations=(Citation(1, "s.sh", ("Docker", "Ports"), ("above",), 3, 4, "-p", "ports", "u", "r", Via("n.md", 7, 7)),),
    commands=(ShownCommand("docker ps", "invalid", "no such flag", "docker ps -a"),),
    tool_runs=(ToolRun(("docker", "ps"), allowed=True, exit_code=0),),
    coverage=0.9,
    timings=Timings(1.0, 2.0, 3.0),
)
NOTES = "/home/me/notes"


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    opened = Journal.open(database)
    yield opened
    opened.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return journal_url(None, tmp_path)


@pytest.fixture
def file_journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


def _asked(journal: Journal, question: str = "How?", conversation: str | None = None) -> str:
    return journal.add_turn(conversation, question, ANSWER, notes=NOTES).conversation


def test_an_answer_comes_back_as_it_was(journal: Journal) -> None:
    kept = journal.add_turn(None, ANSWER.question, ANSWER, notes=NOTES)
    (turn,) = journal.turns(kept.conversation)
    assert turn.answer == ANSWER
    assert (turn.question, turn.position, turn.feedback) == (ANSWER.question, 0, None)


def test_it_is_there_after_a_restart(journal: Journal, database: str) -> None:
    name = _asked(journal)
    journal.close()
    again = Journal.open(database)
    assert [turn.question for turn in again.turns(name)] == ["How?"]
    assert again.notice is None
    again.close()


def test_turns_are_numbered_and_the_conversation_changed_last_comes_first(journal: Journal) -> None:
    first, second = _asked(journal, "one"), _asked(journal, "two")
    _asked(journal, "one more", first)
    assert [turn.position for turn in journal.turns(first)] == [0, 1]
    assert [c.id for c in journal.conversations(NOTES)] == [first, second]
    assert journal.conversations("/other/notes") == []


def test_a_conversation_is_called_after_its_first_question_until_it_is_renamed(journal: Journal) -> None:
    name = _asked(journal, "  How\n do I \t" + "very " * 50)
    (conversation,) = journal.conversations(NOTES)
    assert conversation.title.startswith("How do I very very")
    assert len(conversation.title) == 80
    journal.rename(name, " Ports ")
    journal.rename(name, "  ")
    assert [c.title for c in journal.conversations(NOTES)] == ["Ports"]


def test_what_is_deleted_takes_its_turns_and_feedback_along(journal: Journal) -> None:
    kept = journal.add_turn(None, "How?", ANSWER, notes=NOTES)
    journal.rate(ANSWER.id, "up", turn=kept.id)
    journal.delete(kept.conversation)
    assert journal.conversation(kept.conversation) is None
    assert journal.turns(kept.conversation) == []
    assert journal.feedback(ANSWER.id) == []


def test_a_conversation_that_is_gone_begins_anew(journal: Journal) -> None:
    gone = _asked(journal)
    journal.delete(gone)
    begun = _asked(journal, "again", gone)
    assert begun != gone
    assert len(journal.turns(begun)) == 1


def test_of_a_turn_the_last_rating_counts_and_it_can_be_taken_back(journal: Journal) -> None:
    kept = journal.add_turn(None, "How?", ANSWER, notes=NOTES)
    journal.rate(ANSWER.id, "up", turn=kept.id)
    journal.rate(ANSWER.id, "down", reason="Wrong source", text="see line 9", turn=kept.id)
    (said,) = journal.feedback(ANSWER.id)
    assert (said.rating, said.reason, said.text) == ("down", "Wrong source", "see line 9")
    assert journal.turns(kept.conversation)[0].feedback == said
    journal.rate(ANSWER.id, None, turn=kept.id)
    assert journal.feedback(ANSWER.id) == []


def test_ratings_without_a_turn_add_up(journal: Journal) -> None:
    journal.rate(ANSWER.id, "up")
    journal.rate(ANSWER.id, "down")
    assert [said.rating for said in journal.feedback(ANSWER.id)] == ["up", "down"]


def test_an_export_has_everything_and_is_plain(journal: Journal) -> None:
    kept = journal.add_turn(None, "How?", ANSWER, notes=NOTES)
    journal.rate(ANSWER.id, "up", reason="Clear", turn=kept.id)
    exported = journal.export(kept.conversation)
    assert exported is not None
    assert exported["turns"][0]["answer"]["citations"][0]["quote"] == "-p"
    assert exported["turns"][0]["feedback"]["reason"] == "Clear"
    assert exported["created"].endswith("+00:00")
    assert journal.export("none") is None


def test_times_are_utc(journal: Journal) -> None:
    kept = journal.add_turn(None, "How?", ANSWER, notes=NOTES)
    (turn,) = journal.turns(kept.conversation)
    assert turn.created.tzinfo is UTC
    assert abs((datetime.now(UTC) - turn.created).total_seconds()) < 60


@pytest.mark.parametrize(
    "question", ["nul \0 inside", "half \ud800 a character", "'; drop table turns; --", "\u202e", ""]
)
def test_any_text_can_be_kept(journal: Journal, question: str) -> None:
    name = _asked(journal, question)
    assert len(journal.turns(name)[0].question) == len(question)


def test_two_tabs_ask_at_once(journal: Journal, database: str) -> None:
    name = _asked(journal)
    other = Journal.open(database)
    threads = [threading.Thread(target=_asked, args=(each, "at once", name)) for each in (journal, other) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [turn.position for turn in journal.turns(name)] == list(range(9))
    other.close()


# The file


def test_the_file_is_its_owners_alone(file_journal: Journal, tmp_path: Path) -> None:
    _asked(file_journal)
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} == {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 + 100])


def _no_database(file: Path) -> None:
    file.write_bytes(b"This is no database. " * 500)


@pytest.mark.parametrize("broken", [_no_database, _truncated])
def test_a_broken_file_is_set_aside_and_said(file_journal: Journal, url: str, tmp_path: Path, broken: object) -> None:
    for number in range(200):
        _asked(file_journal, f"question {number} {'x' * 200}")
    file_journal.close()
    broken(tmp_path / FILE)  # type: ignore[operator]
    before = (tmp_path / FILE).read_bytes()
    again = Journal.open(url)
    (aside,) = tmp_path.glob(f"{FILE}.broken-*")
    assert aside.read_bytes() == before
    assert again.notice is not None
    assert aside.name in again.notice
    assert again.conversations(NOTES) == []
    assert _asked(again)
    again.close()


def test_a_file_that_breaks_while_it_is_open_is_a_problem_in_words(file_journal: Journal, tmp_path: Path) -> None:
    _asked(file_journal)
    file_journal.close()
    for file in tmp_path.iterdir():
        file.write_bytes(b"This is no database. " * 500)
    with pytest.raises(JournalProblem, match="cannot be used .*ASK_JOURNAL=URL"):
        file_journal.conversations(NOTES)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(JournalProblem, match="cannot be written"):
        Journal.open(journal_url(None, tmp_path))


def test_a_journal_of_a_later_version_is_left_alone(file_journal: Journal, url: str, tmp_path: Path) -> None:
    file_journal.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(JournalProblem, match="newer version"):
        Journal.open(url)


# Addresses


def test_none_keeps_nothing_on_disk(tmp_path: Path) -> None:
    url = journal_url("none", tmp_path)
    journal = Journal.open(url)
    name = _asked(journal)
    assert url == MEMORY
    assert len(journal.turns(name)) == 1
    assert list(tmp_path.iterdir()) == []
    journal.close()


@pytest.mark.parametrize(
    "url", ["nosuch://user:secret@host/name", "sqlite+nosuch:///x", "postgresql+nosuch://u:secret@h/n"]
)
def test_an_address_that_leads_nowhere_is_told_without_its_password(url: str) -> None:
    with pytest.raises(JournalProblem) as caught:
        Journal.open(url)
    assert "secret" not in str(caught.value)
    assert "ASK_JOURNAL=URL" in str(caught.value)
