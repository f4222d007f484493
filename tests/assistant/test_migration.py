from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

import assistant.inbox
import assistant.keys
from assistant import migration
from assistant.answer import Answer
from assistant.asked import totals
from assistant.journal import Journal
from assistant.migration import HEAD, NewerSchema, upgrade
from assistant.tables import Base

assert assistant.keys  # their tables are of Base
assert assistant.inbox


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = create_engine(database)
    yield made
    made.dispose()


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def _at(engine: Engine, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables as they were at one step."""
    from alembic import command

    monkeypatch.setattr(command, "upgrade", lambda config, _, own=command.upgrade: own(config, revision))
    upgrade(engine)
    monkeypatch.undo()


def _before_alembic(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables as the program made them when it had no migrations, with a row."""
    _at(engine, "0001", monkeypatch)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO schema_version VALUES (1)"))
        connection.execute(
            text("INSERT INTO feedback VALUES ('f', 'a', NULL, 'up', 'r', 't', :now)"), {"now": datetime.now(UTC)}
        )


def test_the_steps_lead_to_the_tables_that_the_program_uses(engine: Engine) -> None:
    assert upgrade(engine)
    assert not upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_last_step_is_the_one_that_is_looked_for() -> None:
    folder = migration.Path(migration.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


def test_a_journal_of_before_is_brought_up_to_date_with_what_is_in_it(
    engine: Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _before_alembic(engine, monkeypatch)
    journal = Journal.open(database)
    assert [said.reason for said in journal.feedback("a")] == ["r"]
    journal.close()
    assert _revision(engine) == HEAD
    assert not inspect(engine).has_table("schema_version")


def test_what_was_kept_before_askings_were_counted_was_asked_once(
    engine: Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _at(engine, "0003", monkeypatch)
    kept = Answer("a1", "How?", "How?", "answered", "So.")
    when = datetime.now(UTC) - timedelta(days=3)
    values = {"id": "a1", "outcome": "answered", "question": "How?", "answer": kept.to_json(), "created": when}
    with engine.begin() as connection:
        connection.execute(Base.metadata.tables["answers"].insert().values(**values, user_id="ada"))
    journal = Journal.open(database)
    assert (totals(journal), totals(journal, 2)) == ({"answered": 1}, {})
    journal.keep_answer(kept)
    assert totals(journal) == {"answered": 2}
    journal.close()
    with engine.connect() as connection:
        first = connection.execute(text("SELECT day FROM askings ORDER BY day")).scalars().first()
    assert str(first) == when.date().isoformat()


def test_several_that_open_it_at_once_do_it_once(engine: Engine, database: str) -> None:
    failures: list[BaseException] = []

    def opened() -> None:
        try:
            Journal.open(database).close()
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _revision(engine) == HEAD


def test_a_step_that_fails_leaves_everything_as_it_was(
    engine: Engine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _before_alembic(engine, monkeypatch)
    with engine.begin() as connection:  # the last of what the step makes is there already
        connection.execute(text("CREATE TABLE api_keys (id INTEGER)"))
    with pytest.raises(Exception, match="api_keys"):
        Journal.open(database)
    assert "user_id" not in {column["name"] for column in inspect(engine).get_columns("answers")}
    assert not inspect(engine).has_table("alembic_version")


def test_a_later_version_is_left_alone(engine: Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchema):
        upgrade(engine)


def test_every_constraint_has_a_name() -> None:
    constraints = [c for table in Base.metadata.tables.values() for c in table.constraints]
    assert [c for c in constraints if c.name is None] == []
    assert len(constraints) > len(Base.metadata.tables)
