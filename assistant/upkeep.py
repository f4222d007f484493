"""The journal's own upkeep: all of it as plain rows, what is too old removed, what belongs to one reader removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Delete, delete, exists, select, tuple_
from sqlalchemy.orm import Session

from assistant.inbox import Inbox
from assistant.journal import Journal
from assistant.tables import Base

BATCH = 500
EXPORTED = ("conversations", "turns", "answers", "askings", "feedback")  # no keys: an export is given away


def export_all(journal: Journal) -> Iterator[dict[str, Any]]:
    """Every row of what was asked and thought of it, table by table, each with the name of its table."""
    for name in EXPORTED:
        table = Base.metadata.tables[name]
        key = tuple(table.primary_key.columns)
        after: tuple[Any, ...] | None = None
        while True:  # in parts: a journal may be larger than the memory
            wanted = select(table).order_by(*key).limit(BATCH)
            with journal.session() as session:
                wanted = wanted.where(tuple_(*key) > after) if after is not None else wanted
                rows = [dict(row) for row in session.execute(wanted).mappings()]
            for row in rows:
                yield {"table": name, **{key: _plain(value) for key, value in row.items()}}
            if len(rows) < BATCH:
                break
            after = tuple(rows[-1][column.name] for column in key)


def purge(journal: Journal, days: int, *, now: datetime | None = None) -> int:
    """Remove what is older than so many days; how many rows went.

    An answer is as old as the day on which it was last asked for; what it was asked for before that is forgotten.
    Of a post that the bot has dealt with the texts go, and what became of it stays: it is never answered again.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    tables = Base.metadata.tables
    conversations, answers, askings, feedback = (
        tables[name] for name in ("conversations", "answers", "askings", "feedback")
    )
    with journal.session() as session:
        gone = _removed(session, delete(conversations).where(conversations.c.changed < before))
        session.execute(delete(askings).where(askings.c.day < before.date()))
        gone += _removed(session, delete(answers).where(~exists().where(askings.c.answer == answers.c.id)))
        gone += _removed(session, delete(feedback).where(feedback.c.created < before))
    return gone + Inbox(journal).forget_texts(before)


def trim(journal: Journal, most: int) -> int:
    """Remove all but so many of the latest answers, conversations and ratings each; how many rows went."""
    gone = 0
    with journal.session() as session:
        for name, time in (("answers", "created"), ("conversations", "changed"), ("feedback", "created")):
            table = Base.metadata.tables[name]
            latest = select(table.c.id).order_by(table.c[time].desc(), table.c.id).limit(most)
            gone += _removed(session, delete(table).where(table.c.id.not_in(latest)))
    return gone


def forget(journal: Journal, user: str) -> int:
    """Remove every answer and feedback that belongs to a reader; how many rows went."""
    tables = Base.metadata.tables
    with journal.session() as session:
        return sum(
            _removed(session, delete(tables[name]).where(tables[name].c.user_id == user))
            for name in ("answers", "feedback")
        )


def _removed(session: Session, statement: Delete) -> int:
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value
