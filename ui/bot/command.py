"""`ask bot`: the bot as a process of its own, and what waits for staff."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import Any

import click

from assistant.inbox import Inbox, Job
from assistant.journal import Journal, journal_url
from assistant.settings import Settings
from corpus.errors import UsageProblem
from index.location import ask_home
from ui.bot.starting import bot_of
from ui.bot.worker import run
from ui.rendering import printable
from ui.service import Service


def bot_command(settings: Settings, *, is_list: bool, approve: str | None, reject: str | None) -> None:
    """What `ask bot` does, by its options. Raises AskError."""
    if is_list:
        for row in show_jobs(settings):
            click.echo(job_line(row))
    elif approve or reject:
        decide_job(settings, approve or reject or "", post=bool(approve))
    else:
        run_bot(settings)


def run_bot(settings: Settings) -> None:
    """Work on the queue until SIGINT or SIGTERM. Raises AskError if the settings are not those of a bot."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    journal = Journal.open(journal_url(settings.journal, ask_home()))
    service = Service(settings)
    try:
        bot = bot_of(settings, service, journal)
        service.bring_up_to_date()
        click.echo(f"The bot {settings.bot_user} works for {settings.bot_url}  (Ctrl-C stops it)", err=True)
        run(bot, stop, is_ready=lambda: service.opened is not None)
    finally:
        journal.close()


def show_jobs(settings: Settings) -> list[dict[str, Any]]:
    """What the bot has done last and what waits, newest first."""
    journal = Journal.open(journal_url(settings.journal, ask_home()))
    try:
        return [_row(job) for job in Inbox(journal).jobs()]
    finally:
        journal.close()


def decide_job(settings: Settings, job: str, *, post: bool) -> None:
    """Let a reply that waits for staff go out, or not. Raises UsageProblem if none of that id waits."""
    journal = Journal.open(journal_url(settings.journal, ask_home()))
    try:
        if not Inbox(journal).decide(job, post=post):
            raise UsageProblem(f"No reply {printable(job)[:40]!r} waits for you; `ask bot --list` shows those that do.")
    finally:
        journal.close()


def job_line(row: dict[str, Any]) -> str:
    """One job on one line; of one that waits for staff the reply below."""
    line = f"{row['id']}  {row['state']:<9}  post {row['post']} of topic {row['topic']}  {row['reason']}".rstrip()
    if row["state"] != "review":
        return printable(line)
    return printable("\n".join([line, *(f"    {each}" for each in row["reply"].split("\n"))]))


def _row(job: Job) -> dict[str, Any]:
    shown = ("id", "state", "reason", "source", "topic", "post", "reply_post", "answer", "reply", "attempts")
    return {name: getattr(job, name) for name in shown} | {"changed": job.changed.isoformat(timespec="seconds")}
