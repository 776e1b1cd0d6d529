"""Schedules and drafts of posts, what outside calls cost, how far was read, who is left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("voice", sa.String, nullable=False),
        sa.Column("timing", sa.JSON, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("approve", sa.Boolean, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("nominal_at", moment),
        sa.Column("next_at", moment),
        sa.Column("since", moment, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_schedules_voice", "schedules", ["voice"])
    op.create_index("ix_schedules_person", "schedules", ["person"])
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("voice", sa.String, nullable=False),
        sa.Column("schedule_id", sa.Integer),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("approve", sa.Boolean, nullable=False),
        sa.Column("reply_to", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("thread", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("decided_by", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("voice_key", sa.String, nullable=False),
        sa.Column("published", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("not_before", moment, nullable=False),
        sa.Column("lease_until", sa.Double),
        sa.Column("approved_at", moment),
        sa.Column("sent_at", moment),
        sa.Column("since", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("voice", "schedule_id", "person", "state"):
        op.create_index(f"ix_drafts_{column}", "drafts", [column])
    op.create_table(
        "reservations",
        sa.Column("platform", sa.String, primary_key=True),
        sa.Column("purpose", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("microdollars", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "charges",
        sa.Column("platform", sa.String, primary_key=True),
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("writing", sa.Boolean, primary_key=True),
        sa.Column("resource", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("microdollars", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("person", sa.String, primary_key=True),
        sa.Column("since", moment, nullable=False),
    )
    op.create_table(
        "confirmations",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("since", moment, nullable=False),
    )
