"""How often each answer was asked for, by day. What is there already was asked for at least once."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table, with one asking for every answer."""
    op.create_table(
        "askings",
        sa.Column("answer", sa.String(40), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("answer", "day", name="pk_askings"),
        sa.ForeignKeyConstraint(["answer"], ["answers.id"], name="fk_askings_answer_answers", ondelete="CASCADE"),
    )
    op.create_index("ix_askings_day", "askings", ["day"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    day = "CAST(created AT TIME ZONE 'UTC' AS DATE)" if is_postgresql else "date(created)"
    op.execute(f"INSERT INTO askings (answer, day, times) SELECT id, {day}, 1 FROM answers")  # noqa: S608  # ours
