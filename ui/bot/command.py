"""`ask bot`: the bot as a process of its own, and what waits for staff."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from assistant.chain import packaged_course
from assistant.database import journal_url
from assistant.inbox import Inbox, Job
from assistant.journal import Journal
from assistant.settings import Settings
from corpus.documents import read_notes
from corpus.errors import UsageProblem
from index.location import ask_home
from ui.bot.starting import bot_of
from ui.bot.worker import run
from ui.command import opened_journal, print_json
from ui.rendering import printable
from ui.service import Service


def bot_command(
    settings: Settings, *, is_list: bool, approve: str | None, reject: str | None, as_json: bool = False
) -> None:
    """What `ask bot` does, by its options. Raises AskError."""
    if sum((is_list, approve is not None, reject is not None)) > 1:
        raise UsageProblem("--list, --approve and --reject are three things: name one of them.")
    if as_json and not is_list:
        raise UsageProblem("--json is for --list.")
    if is_list:
        list_jobs(settings, as_json=as_json)
    elif approve is not None:
        decide_job(settings, approve, post=True)
    elif reject is not None:
        decide_job(settings, reject, post=False)
    else:
        run_bot(settings)


def run_bot(settings: Settings) -> None:
    """Work on the queue until SIGINT or SIGTERM. Raises AskError if the settings are not those of a bot."""
    read_notes(settings.notes or packaged_course())
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("alembic", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    journal = Journal.open(journal_url(settings.journal, ask_home()))
    service = Service(settings)
    try:
        bot = bot_of(settings, service, journal)
        threading.Thread(target=service.watch, args=(stop,), daemon=True).start()
        click.echo(f"The bot {settings.bot_user} works for {settings.bot_url}  (Ctrl-C stops it)", err=True)
        run(bot, stop, is_ready=lambda: service.opened is not None)
    finally:
        journal.close()


def list_jobs(settings: Settings, *, as_json: bool) -> None:
    """Print what the bot has done last and what waits, newest first."""
    with _inbox(settings) as inbox:
        rows = [_row(job) for job in inbox.jobs()]
    if as_json:
        print_json(rows)
    elif rows:
        for row in rows:
            click.echo(job_line(row))
    else:
        click.echo("No post has come in yet.", err=True)


def decide_job(settings: Settings, job: str, *, post: bool) -> None:
    """Let a reply that waits for staff go out, or not. Raises UsageProblem if none of that id waits."""
    with _inbox(settings) as inbox:
        if not inbox.decide(job, post=post):
            raise UsageProblem(_why_not(inbox.job(job), job))
    done = "goes out as soon as the bot works" if post else "is not posted"
    click.echo(f"The reply {job} {done}.", err=True)


def _why_not(found: Job | None, job: str) -> str:
    shown = repr(printable(job)[:40])
    if found is None:
        return f"There is no reply {shown}; `ask bot --list` shows those that wait."
    if found.state == "done":
        return f"The reply {shown} stands in the topic already."
    return f"The reply {shown} does not wait for you: it is {found.state}."


@contextmanager
def _inbox(settings: Settings) -> Iterator[Inbox]:
    with opened_journal(settings) as journal:
        yield Inbox(journal)


def job_line(row: dict[str, Any]) -> str:
    """One job on one line; of one that waits for staff the reply below."""
    line = f"{row['id']}  {row['state']:<9}  post {row['post']} of topic {row['topic']}  {row['reason']}".rstrip()
    if row["state"] != "review":
        return printable(line)
    return printable("\n".join([line, *(f"    {each}" for each in row["reply"].split("\n"))]))


def _row(job: Job) -> dict[str, Any]:
    shown = ("id", "state", "reason", "source", "topic", "post", "reply_post", "answer", "reply", "attempts")
    return {name: getattr(job, name) for name in shown} | {"changed": job.changed.isoformat(timespec="seconds")}
