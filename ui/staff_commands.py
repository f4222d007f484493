"""Commands for course staff: what to write next, and which answers are out of date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ui.command import json_option, notes_option, opened_journal, print_json

if TYPE_CHECKING:
    from assistant.gaps import Gap
    from assistant.recheck import Rechecked

EXIT_CHANGED = 1
days_option = click.option(
    "--since", "days", type=click.IntRange(1, 36_500), metavar="DAYS", help="Only the last so many days."
)


@click.command()
@json_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many sections.")
@days_option
def gaps(as_json: bool, limit: int, days: int | None) -> int:
    """Show what was asked and not answered, by the section it belongs to: what to write next."""
    from assistant.asked import report
    from ui.rendering import printable
    from ui.staff_text import summary

    with opened_journal() as journal:
        found = report(journal, days)
    if as_json:
        print_json({"days": days, **found.to_json(limit)})
        return 0
    if found.asked:
        click.echo(summary(found))
    for gap in found.gaps[:limit]:
        for line in _gap_lines(gap):
            click.echo(printable(line))
    if not found.gaps:
        click.echo("No gap is known: everything that was asked in the chat, over HTTP or in the forum was answered.")
    return 0


def _gap_lines(gap: Gap) -> Iterator[str]:
    from ui.staff_text import asked_times, disliked_line, place_name, reasons

    document = f"  ({gap.document})" if gap.document else ""
    yield f"{gap.count:4}  {place_name(gap)}{document}"
    yield f"      {reasons(gap)}"
    yield from (f"      - {example.question}{asked_times(example.times)}" for example in gap.examples)
    yield from (f"      {disliked_line(dislike)}" for dislike in gap.dislikes)


@click.command()
@notes_option
@json_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many to show.")
def recheck(notes: Path | None, as_json: bool, limit: int) -> int:
    """Show which answers cite lines that have changed since, posted ones first; exit 1 if there are any."""
    from assistant.asked import outdated
    from assistant.chain import packaged_course
    from assistant.settings import load_settings
    from corpus.documents import read_notes
    from ui.rendering import printable

    chosen = load_settings(notes=notes).notes or packaged_course()
    with opened_journal() as journal:
        found, count = outdated(journal, read_notes(chosen), limit)
    if as_json:
        print_json({"count": count, "changed": [each.to_json() for each in found]})
        return EXIT_CHANGED if found else 0
    for each in found:
        for line in _changed_lines(each):
            click.echo(printable(line))
    if count > len(found):
        click.echo(f"{count - len(found)} more: --limit {count}")
    if not found:
        click.echo("All cited lines stand as they were cited.")
    return EXIT_CHANGED if found else 0


def _changed_lines(changed: Rechecked) -> Iterator[str]:
    from ui.rendering import place
    from ui.staff_text import reply_place

    now = f", now line {changed.line}" if changed.line is not None else ""
    given = changed.given
    yield f"{given.answer}  {changed.standing:8}{place(changed.citation)}{now}  {given.question[:100]}"
    yield from (f"      posted: {reply_place(reply)}" for reply in changed.replies)
