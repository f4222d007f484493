"""The queue of the bot on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from assistant.inbox import Inbox, Incoming, Job
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


def test_a_topic_has_one_worker_at_a_time(journal: Journal) -> None:
    inbox = Inbox(journal)
    for post in range(6):
        inbox.add(Incoming("spirit", f"d{post}", str(post), "3", "1", "hash"))
    inbox.add(Incoming("spirit", "other", "90", "4", "1", "hash"))
    for _ in range(3):
        claimed: dict[str, Job | None] = {}
        begin = threading.Barrier(4)

        def claim(name: str, claimed: dict[str, Job | None] = claimed, begin: threading.Barrier = begin) -> None:
            begin.wait(30)
            claimed[name] = inbox.claim(name, 60)

        threads = [threading.Thread(target=claim, args=(f"w{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        taken = {name: job for name, job in claimed.items() if job is not None}
        assert sorted(job.topic for job in taken.values()) == ["3", "4"]
        for name, job in taken.items():
            if job.topic == "3":
                inbox.finish(job, name, "done")
            else:
                inbox.later(job, name, 0)


def test_a_topic_is_free_again_when_its_worker_is_dead(journal: Journal) -> None:
    inbox = Inbox(journal)
    for post in ("1", "2"):
        inbox.add(Incoming("spirit", f"d{post}", post, "3", "1", "hash"))
    assert inbox.claim("dead", 0.3) is not None
    assert inbox.claim("living", 60) is None
    time.sleep(0.4)
    assert inbox.claim("living", 60) is not None
