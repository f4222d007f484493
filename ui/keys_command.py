"""`ask keys`: who may use the service with more than an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from corpus.errors import UsageProblem
from ui.command import opened_journal

if TYPE_CHECKING:
    from assistant.keys import Keys


@click.group()
def keys() -> None:
    """Make, list and revoke API keys of `ask serve`."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=["ask"], show_default=True, help="ask, or staff; may be repeated."
)
def add(name: str, scopes: tuple[str, ...]) -> int:
    """Make a key; it is shown once and kept as a hash."""
    with _opened() as opened:
        key, text = opened.add(name, scopes)
    click.echo(f"Key {key.id} for {key.name} ({', '.join(key.scopes)}). It is not shown again:", err=True)
    click.echo(text)
    return 0


@keys.command(name="list")
def list_() -> int:
    """Show all keys, without what is secret in them."""
    from ui.rendering import printable

    with _opened() as opened:
        for key in opened.all():
            state = f"revoked {key.revoked:%Y-%m-%d}" if key.revoked is not None else "good"
            click.echo(printable(f"{key.id}  {key.created:%Y-%m-%d}  {state}  {','.join(key.scopes)}  {key.name}"))
    return 0


@keys.command()
@click.argument("key")
def revoke(key: str) -> int:
    """Let a key be good for nothing, by its id."""
    with _opened() as opened:
        if not opened.revoke(key):
            raise UsageProblem(f"There is no key {key!r} that is good. `ask keys list` shows them.")
    click.echo(f"Revoked {key}.", err=True)
    return 0


@contextmanager
def _opened() -> Iterator[Keys]:
    from assistant.keys import Keys

    with opened_journal() as journal:
        yield Keys(journal)
