"""The journal's own upkeep: all of it as plain rows, what is too old removed, what belongs to one reader removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Delete, delete, select
from sqlalchemy.orm import Session

from assistant.journal import Journal
from assistant.tables import Base

BATCH = 500
EXPORTED = ("conversations", "turns", "answers", "feedback")  # no keys: an export is given away


def export_all(journal: Journal) -> Iterator[dict[str, Any]]:
    """Every row of what was asked and thought of it, table by table, each with the name of its table."""
    for name in EXPORTED:
        table = Base.metadata.tables[name]
        after = ""
        while True:  # in parts: a journal may be larger than the memory
            wanted = select(table).where(table.c.id > after).order_by(table.c.id).limit(BATCH)
            with journal.session() as session:
                rows = [dict(row) for row in session.execute(wanted).mappings()]
            for row in rows:
                yield {"table": name, **{key: _plain(value) for key, value in row.items()}}
            if len(rows) < BATCH:
                break
            after = rows[-1]["id"]


def purge(journal: Journal, days: int, *, now: datetime | None = None) -> int:
    """Remove what is older than so many days; how many rows went."""
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    tables = Base.metadata.tables
    with journal.session() as session:
        conversations = tables["conversations"]
        gone = _removed(session, delete(conversations).where(conversations.c.changed < before))
        for name in ("answers", "feedback"):
            gone += _removed(session, delete(tables[name]).where(tables[name].c.created < before))
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
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
