"""Whose corpora are, who opted out, how places are set up, which mentions were answered, run cards, the game."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "rights",
        sa.Column("handle", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("audience", sa.String, nullable=False),
        sa.Column("game", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_rights_owner", "rights", ["owner"])
    op.create_table(
        "opt_outs",
        sa.Column("handle", sa.String, primary_key=True),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("wants_erasure", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_opt_outs_person", "opt_outs", ["person"])
    op.create_table(
        "places",
        sa.Column("place", sa.String, primary_key=True),
        sa.Column("settings", sa.JSON, nullable=False),
    )
    op.create_table(
        "channels",
        sa.Column("channel", sa.String, primary_key=True),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("voice", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "mentions",
        sa.Column("mention", sa.String, primary_key=True),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_mentions_person", "mentions", ["person"])
    op.create_table(
        "cards",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("message", sa.String, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("say", sa.Text, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_cards_run_id", "cards", ["run_id"])
    op.create_table(
        "interactions",
        sa.Column("interaction", sa.String, primary_key=True),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("voice_key", sa.String, nullable=False),
        sa.Column("place", sa.String, nullable=False),
        sa.Column("real", sa.Text, nullable=False),
        sa.Column("made", sa.Text, nullable=False),
        sa.Column("real_first", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_rounds_voice_key", "rounds", ["voice_key"])
    op.create_table(
        "votes",
        sa.Column("round_id", sa.Integer, primary_key=True),
        sa.Column("person", sa.String, primary_key=True),
        sa.Column("right", sa.Boolean, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reply_id", sa.Integer, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_reports_reply_id", "reports", ["reply_id"])
    with op.batch_alter_table("replies") as replies:
        replies.add_column(sa.Column("person", sa.String, nullable=False, server_default=""))
        replies.add_column(sa.Column("place", sa.String, nullable=False, server_default=""))
    op.create_index("ix_replies_person", "replies", ["person"])
