"""Run by Alembic: the steps, on the connection that assistant.migration holds, in its transaction."""

from alembic import context

from assistant.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite can, and a killed step must leave nothing half made
)
with context.begin_transaction():
    context.run_migrations()
