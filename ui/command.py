"""What the commands share: their options, the journal, and how they print JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corpus.errors import UsageProblem

if TYPE_CHECKING:
    from assistant.journal import Journal
    from assistant.settings import Settings


class NotesPath(click.Path):
    """A file or folder of notes. An empty one would be the current folder, and comes of a variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is empty."""
        if isinstance(value, str) and not value.strip():
            self.fail("the path of the notes is empty; leave it out for the packaged course", param, ctx)
        return super().convert(value, param, ctx)


_path = NotesPath(path_type=Path)
notes_option = click.option("--notes", type=_path, help="Folder or file of notes (default: the packaged course).")
model_option = click.option(
    "--model", metavar="NAME", help="Chat model that words the answer, as provider:name (none: quotes alone)."
)
docker_options = (
    click.option("--docker/--no-docker", default=None, help="Let it look at the Docker of this machine, read-only."),
    click.option("--docker-logs", is_flag=True, help="The same, and what programs in containers have written."),
)
path_argument = click.argument("path", required=False, type=_path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any, *, compact: bool = False) -> None:
    """Print a value as JSON, whatever characters are in it."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=None if compact else 2).encode("utf-8", "replace"))


@contextmanager
def opened_journal(settings: Settings | None = None) -> Iterator[Journal]:
    """The journal of the settings. Raises JournalProblem, or UsageProblem if nothing is kept."""
    from assistant.database import MEMORY, journal_url
    from assistant.journal import Journal
    from assistant.settings import load_settings
    from index.location import ask_home

    url = journal_url((settings or load_settings()).journal, ask_home())
    if url == MEMORY:
        raise UsageProblem("Nothing is kept (ASK_JOURNAL=none). Name a journal: ASK_JOURNAL=URL")
    opened = Journal.open(url)
    try:
        if opened.notice is not None:
            click.echo(f"ask: {opened.notice}", err=True)
        yield opened
    finally:
        opened.close()
