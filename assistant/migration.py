"""A database -> the same with the tables of this version, by Alembic: at once, or not at all."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

HEAD = "0004"  # the last of migrations/versions: what is at it is opened without a look at them
_LOCK = 0x61736B  # of PostgreSQL, held while the tables are changed


class NewerSchema(Exception):
    """The tables are those of a later version of this program."""


def upgrade(engine: Engine) -> bool:
    """Make the tables, or bring them up to date; whether there was anything to do. Raises NewerSchema.

    Of several processes that open an old database one does it, and the others wait.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return False
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        revision = _revision(connection)
        if revision == HEAD:
            return False
        _run(connection, revision)
    return True


def _revision(connection: Connection) -> str | None:
    """What the tables are at; None if there are none."""
    tables = inspect(connection)
    if tables.has_table("alembic_version"):
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return str(found) if found is not None else None
    if not tables.has_table("schema_version"):
        return None
    # Before Alembic there was one version, in a table of its own, made last.
    found = connection.scalar(text("SELECT max(version) FROM schema_version"))
    return f"{found or 1:04}"


def _run(connection: Connection, revision: str | None) -> None:
    from alembic import command  # a journal that is up to date does not pay for it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise NewerSchema
    if revision is not None and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, revision)
    command.upgrade(config, "head")
