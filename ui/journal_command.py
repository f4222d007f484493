"""`ask journal`: the database of what was asked, in the hands of who runs it."""

from __future__ import annotations

import json

import click

from corpus.errors import UsageProblem
from ui.command import opened_journal


@click.group()
def journal() -> None:
    """Look after what was asked: bring its tables up to date, export, remove."""


@journal.command()
def upgrade() -> int:
    """Bring the tables up to date; opening the journal does so too."""
    from assistant.migration import HEAD

    with opened_journal():
        click.echo(f"The journal is at {HEAD}, the newest.")
    return 0


@journal.command()
def export() -> int:
    """Print everything, one JSON object a line; keys are left out."""
    from assistant.upkeep import export_all

    with opened_journal() as opened:
        for row in export_all(opened):
            click.echo(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))
    return 0


@journal.command()
@click.argument("user")
def forget(user: str) -> int:
    """Remove the answers and feedback of one reader, by the name (sub) in their tokens."""
    from assistant.upkeep import forget as removed

    with opened_journal() as opened:
        click.echo(f"Removed {removed(opened, user)} rows.")
    return 0


@journal.command()
@click.option("--days", type=click.IntRange(1, 36_500), help="Older than so many days (default: ASK_KEEP_DAYS).")
def purge(days: int | None) -> int:
    """Remove what is too old."""
    from assistant.settings import load_settings
    from assistant.upkeep import purge as removed

    chosen = days or load_settings().keep_days
    if chosen is None:
        raise UsageProblem("How old? Say --days 90, for instance, or set ASK_KEEP_DAYS.")
    with opened_journal() as opened:
        click.echo(f"Removed {removed(opened, chosen)} rows older than {chosen} days.")
    return 0
