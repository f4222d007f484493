"""API keys: made once, shown once, kept as a hash. A key is long and random, so one round of SHA-256 is enough."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from assistant.journal import Journal
from assistant.tables import Base, UtcTime
from corpus.errors import UsageProblem

PREFIX = "ask_"
SCOPES = ("ask", "staff")  # to ask; to read what was asked


class _ApiKey(Base):
    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(UtcTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcTime)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; not the key."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created: datetime
    revoked: datetime | None


class Keys:
    """The keys of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def add(self, name: str, scopes: Sequence[str] = ("ask",)) -> tuple[ApiKey, str]:
        """Make a key; the text is nowhere else from now on. Raises UsageProblem."""
        strange = [scope for scope in scopes if scope not in SCOPES]
        if strange or not scopes:
            raise UsageProblem(f"A key has one or more of the scopes {', '.join(SCOPES)}.")
        if not name.strip() or len(name) > 100:
            raise UsageProblem("A key needs a name of at most 100 characters, so that it can be told from others.")
        text = PREFIX + secrets.token_urlsafe(32)
        with self._journal.session() as session:
            row = _ApiKey(
                id=secrets.token_hex(4),
                name=name.strip(),
                hash=_hash(text),
                scopes=" ".join(sorted(set(scopes))),
                created=datetime.now(UTC),
                revoked=None,
            )
            session.add(row)
            session.flush()
            return _key(row), text

    def all(self) -> list[ApiKey]:
        """All keys, the oldest first."""
        with self._journal.session() as session:
            return [_key(row) for row in session.scalars(select(_ApiKey).order_by(_ApiKey.created, _ApiKey.id))]

    def revoke(self, key: str) -> bool:
        """Let a key be good for nothing from now on; whether there was one of that id."""
        with self._journal.session() as session:
            row = session.get(_ApiKey, key)
            if row is None or row.revoked is not None:
                return False
            row.revoked = datetime.now(UTC)
            return True

    def find(self, text: str) -> ApiKey | None:
        """The key of this text; None if there is none, or it was revoked."""
        with self._journal.session() as session:
            row = session.scalar(select(_ApiKey).where(_ApiKey.hash == _hash(text), _ApiKey.revoked.is_(None)))
            return _key(row) if row is not None else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: _ApiKey) -> ApiKey:
    return ApiKey(row.id, row.name, tuple(row.scopes.split()), row.created, row.revoked)
