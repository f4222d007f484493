"""On SQLite and on a real PostgreSQL: what the migrations make is what the code has, and the queue of the bot."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, inspect

from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal
from assistant.tables import Base


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    opened = Journal.open(database)
    yield opened
    opened.close()


def test_the_migrations_make_the_tables_of_the_code(database: str, journal: Journal) -> None:
    del journal  # opened, so that they are there
    engine = create_engine(database)
    found = inspect(engine)
    for table in Base.metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name
        indexes = {tuple(index["column_names"]) for index in found.get_indexes(table.name)}
        assert {tuple(c.name for c in index.columns) for index in table.indexes} <= indexes, table.name
    engine.dispose()


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
