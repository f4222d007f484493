"""The database of the journal: a file of SQLite, unless another is named by its URL."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from corpus.errors import JournalProblem

FILE = "journal.sqlite3"
MEMORY = "sqlite://"  # for a process that is to leave nothing behind
BUSY_SECONDS = 10


def journal_url(setting: str | None, home: Path) -> str:
    """The URL that a setting means: None is the file in the user's folder, `none` is memory."""
    if setting == "none":
        return MEMORY
    return setting or f"sqlite:///{home / FILE}"


def open_engine(url: str) -> Engine:
    """The database at a URL of SQLAlchemy; a file of SQLite is made, for its owner only. Raises JournalProblem."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        file = _file(parsed.database)
        if file is None:  # one connection, or each thread would have a memory of its own
            engine = create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
        else:
            engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
            _make_private(file)
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        hidden = url.partition(":")[0]  # the rest may hold a password
        raise JournalProblem(
            f"There is no journal at that {hidden!r} address ({' '.join(str(error).split())[:120]}). "
            "Name one as in sqlite:////home/me/journal.sqlite3 or postgresql+psycopg://user@host/name: ASK_JOURNAL=URL"
        ) from error
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Readers do not wait for a writer, and what is deleted takes along what hangs on it."""
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _file(database: str | None) -> Path | None:
    return None if database in {None, "", ":memory:"} else Path(str(database))


def _make_private(file: Path) -> None:
    """Make the file for its owner only: what was asked is nobody else's business. SQLite gives its others the same."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise JournalProblem(
            f"The journal {file} cannot be written ({error.strerror}). "
            "Allow writing there, or name another: ASK_JOURNAL=URL (none: keep nothing)."
        ) from error


def set_aside_if_broken(engine: Engine) -> str | None:
    """Put a file that is no database, or a damaged one, out of the way; says so, None if all is well."""
    file = _file(engine.url.database) if engine.dialect.name == "sqlite" else None
    if file is None:
        return None
    try:
        with engine.connect() as connection:
            said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        reason = None if said == "ok" else str(said)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.OperationalError):  # locked, read-only, full: nothing is wrong with it
            return None
        reason = str(error.orig)
    if reason is None:
        return None
    engine.dispose()
    aside = file.with_name(f"{file.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):  # another process was quicker
            file.with_name(file.name + suffix).replace(aside.with_name(aside.name + suffix))
    _make_private(file)
    return (
        f"The journal {file} is damaged ({' '.join(reason.split())[:120]}). It is kept as {aside.name} in the same "
        "folder, and a new one has begun: earlier conversations are not shown."
    )


def shown(engine: Engine) -> str:
    """Where a database is, without its password."""
    file = _file(engine.url.database) if engine.dialect.name == "sqlite" else None
    return str(file) if file is not None else engine.url.render_as_string(hide_password=True)
