"""Commands for course staff: what to write next, and which answers are out of date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.command import json_option, notes_option, print_json

if TYPE_CHECKING:
    from assistant.journal import Journal

EXIT_CHANGED = 1


@click.command()
@json_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many sections.")
def gaps(as_json: bool, limit: int) -> int:
    """Show what was asked and not answered, by the section it belongs to: what to write next."""
    from dataclasses import asdict

    from assistant.gaps import REASONS, find_gaps
    from ui.rendering import printable

    with _journal() as journal:
        found = find_gaps(journal.given())[:limit]
    if as_json:
        print_json({"gaps": [asdict(gap) for gap in found]})
        return 0
    for gap in found:
        where = " > ".join(gap.heading) or "no section is near"
        why = ", ".join(f"{count} x {REASONS.get(outcome, outcome)}" for outcome, count in gap.outcomes.items())
        liked = f", {gap.disliked} x thumbs down" if gap.disliked else ""
        click.echo(printable(f"{gap.count:4}  {where}  ({gap.document})\n      {why}{liked}"))
        for example in gap.examples:
            click.echo(printable(f"      - {example}"))
    if not found:
        click.echo("No gap is known: everything that was asked in the chat or over HTTP was answered.")
    return 0


@click.command()
@notes_option
@json_option
def recheck(notes: Path | None, as_json: bool) -> int:
    """Show which answers cite lines that have changed since; exit 1 if there are any."""
    from assistant.chain import packaged_course
    from assistant.gaps import recheck as recheck_answers
    from assistant.settings import load_settings
    from corpus.documents import read_notes
    from ui.rendering import place, printable

    chosen = load_settings(notes=notes).notes or packaged_course()
    with _journal() as journal:
        found = recheck_answers((answer for answer, _ in journal.given()), read_notes(chosen))
    if as_json:
        rows = [
            {"answer": r.answer.id, "question": r.answer.question, "standing": r.standing, "line": r.line,
             "document": r.citation.document, "start_line": r.citation.start_line, "quote": r.citation.quote}
            for r in found
        ]  # fmt: skip
        print_json({"changed": rows})
    for r in () if as_json else found:
        now = f", now line {r.line}" if r.line is not None else ""
        click.echo(printable(f"{r.answer.id}  {r.standing:8}{place(r.citation)}{now}  {r.answer.question[:100]}"))
    if not found and not as_json:
        click.echo("All cited lines stand as they were cited.")
    return EXIT_CHANGED if found else 0


@contextmanager
def _journal() -> Iterator[Journal]:
    from assistant.journal import Journal, journal_url
    from assistant.settings import load_settings
    from index.location import ask_home

    journal = Journal.open(journal_url(load_settings().journal, ask_home()))
    try:
        yield journal
    finally:
        journal.close()
