"""The queue of the bot on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from assistant.inbox import Inbox, Incoming
from assistant.journal import Journal


@pytest.fixture
def journal(database: str) -> Iterator[Journal]:
    opened = Journal.open(database)
    yield opened
    opened.close()


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
