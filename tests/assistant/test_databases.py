"""The same on SQLite and on a real PostgreSQL: the journal, its keys, its upkeep, and the queue of the bot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from assistant.answer import Answer, Citation, Claim
from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.keys import Keys
from assistant.tables import Base
from assistant.upkeep import export_all, forget, purge

ANSWER = Answer(
    "id", "How?", "How?", "answered", "- so [1]", (Claim("so", (1,), "verbatim"),),
    (Citation(1, "n.md", ("Docker",), (), 3, 3, "so", "docker", "u", "r"),),
)  # fmt: skip
NOTES = "/home/me/notes"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.real, pytest.mark.slow])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.sqlite3'}"
        return
    server: str = request.getfixturevalue("postgresql")
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    yield server


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


def test_the_migrations_make_the_tables_of_the_code(url: str, journal: Journal) -> None:
    del journal  # opened, so that they are there
    engine = create_engine(url)
    found = inspect(engine)
    for table in Base.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        indexes = {tuple(index["column_names"]) for index in found.get_indexes(table.name)}
        assert {tuple(c.name for c in index.columns) for index in table.indexes} <= indexes, table.name
    engine.dispose()


def test_a_conversation_is_kept_rated_exported_and_deleted(journal: Journal) -> None:
    turn = journal.add_turn(None, "How?", ANSWER, notes=NOTES)
    journal.add_turn(turn.conversation, "and then? \0 \ud800 '; drop table turns; --", ANSWER, notes=NOTES)
    journal.rate(ANSWER.id, "down", reason="Wrong source", turn=turn.id)
    first, second = journal.turns(turn.conversation)
    assert (first.position, second.position) == (0, 1)
    assert first.answer == ANSWER
    assert first.feedback is not None
    assert first.feedback.rating == "down"
    assert first.created.tzinfo is not None
    assert len(list(export_all(journal))) >= 2
    assert [disliked for _, disliked in journal.given()] == [True, True]
    journal.delete(turn.conversation)
    assert journal.turns(turn.conversation) == []


def test_two_ask_at_once_in_one_conversation(journal: Journal) -> None:
    begun = journal.add_turn(None, "How?", ANSWER, notes=NOTES).conversation
    threads = [
        threading.Thread(target=journal.add_turn, args=(begun, f"q{n}", ANSWER), kwargs={"notes": NOTES})
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [turn.position for turn in journal.turns(begun)] == [0, 1, 2, 3, 4]


def test_what_belongs_to_a_reader_goes_with_the_reader(journal: Journal) -> None:
    journal.keep_answer(ANSWER, user="anna")
    assert journal.answer(ANSWER.id) == ANSWER
    assert forget(journal, "somebody else") == 0
    assert forget(journal, "anna") >= 1
    assert journal.answer(ANSWER.id) is None


def test_what_is_old_is_removed(journal: Journal) -> None:
    journal.keep_answer(ANSWER)
    assert purge(journal, 30) == 0
    assert purge(journal, 30, now=datetime.now(UTC) + timedelta(days=31)) >= 1
    assert journal.answer(ANSWER.id) is None


def test_a_key_is_kept_as_a_hash_and_can_be_revoked(journal: Journal) -> None:
    keys = Keys(journal)
    key, shown = keys.add("forum", ("ask", "staff"))
    found = keys.find(shown)
    assert found is not None
    assert found.id == key.id
    assert shown not in repr(keys.all())
    assert keys.revoke(key.id)
    assert keys.find(shown) is None


def test_a_job_is_claimed_by_one_worker_and_comes_once(journal: Journal) -> None:
    inbox = Inbox(journal)
    post = Incoming("spirit", "d1", "7", "3", "1", "hash")
    assert inbox.add(post)
    assert not inbox.add(post)
    claimed: list[object] = []
    threads = [threading.Thread(target=lambda name=f"w{n}": claimed.append(inbox.claim(name, 60))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(job is not None for job in claimed) == 1
    assert len(inbox.jobs()) == 1
