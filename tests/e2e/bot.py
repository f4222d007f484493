"""The bot as a test sees it: `ask serve` with a forum, and how its jobs ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.inbox import Inbox
from assistant.journal import Journal
from tests.e2e.servers import ROOT, running
from tests.e2e.spirit_forum import SECRET, TOKEN, Spirit, wait_until

PUBLIC = "https://ask.example"


def bot_environment(home: Path, forum: Spirit, **more: str) -> dict[str, str]:
    return {
        **os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT), "ASK_BOT_FORUM": "spirit",
        "ASK_BOT_URL": forum.address, "ASK_BOT_USER": "notesbot", "ASK_BOT_KEY": TOKEN, "ASK_BOT_SECRETS": SECRET,
        "ASK_BOT_CATEGORIES": forum.questions, "ASK_BOT_INTERVAL": "0", "ASK_PUBLIC_URL": PUBLIC, **more,
    }  # fmt: skip


@contextmanager
def served(notes: Path, environment: dict[str, str], folder: Path, port: int = 0) -> Iterator[str]:
    """`ask serve` until the end of the block; its address."""
    log = folder / f"serve-{len(list(folder.glob('serve-*.log')))}.log"
    with running("serve", notes, Path(environment["ASK_HOME"]), log, port=port, **environment) as address:
        yield address


def report(line: str) -> None:
    sys.stderr.write(f"\n{line}\n")


def ends_of(home: Path, jobs: int, seconds: float = 60) -> dict[str, int]:
    """How the jobs ended, once so many have."""
    journal = Journal.open(f"sqlite:///{home / 'journal.sqlite3'}")
    try:
        inbox = Inbox(journal)
        wait_until(lambda: len(inbox.jobs("done", "skipped", "failed")) == jobs, seconds, "the jobs to end")
        return {state: count for state, count in inbox.counts().items() if count}
    finally:
        journal.close()
