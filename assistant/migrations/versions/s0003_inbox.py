"""What a forum has sent, and what becomes of it: the queue of the bot."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "bot_events",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("delivery", sa.String(200), nullable=False),
        sa.Column("post", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("received", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bot_events"),
        sa.UniqueConstraint(
            "source", "post", "version", "body_hash", name="uq_bot_events_source_post_version_body_hash"
        ),
    )
    op.create_index("ix_bot_events_received", "bot_events", ["received"])
    op.create_table(
        "bot_jobs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("post", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", time, nullable=False),
        sa.Column("worker", sa.String(32), nullable=True),
        sa.Column("leased_until", time, nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.String(40), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("reply_post", sa.String(64), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.Column("changed", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bot_jobs"),
        sa.UniqueConstraint("source", "post", name="uq_bot_jobs_source_post"),
    )
    op.create_index("ix_bot_jobs_state_next_try", "bot_jobs", ["state", "next_try"])
    op.create_index("ix_bot_jobs_reply_post", "bot_jobs", ["reply_post"])
    op.create_table(
        "bot_sources",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("since", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bot_sources"),
    )
