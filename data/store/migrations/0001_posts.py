"""Posts, where they came from, and what each corpus comes to."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "posts",
        sa.Column("handle", sa.String, primary_key=True),
        sa.Column("first_id", sa.String, primary_key=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True)),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("reply_to_id", sa.String),
        sa.Column("lang", sa.String),
        sa.Column("edit_of_id", sa.String),
        sqlite_with_rowid=False,  # rows lie in the order of the key, so one handle's posts lie together
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("handle", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("file_name", sa.String, nullable=False),
        sa.Column("file_digest", sa.String, nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent", sa.String, nullable=False),
        sa.Column("may_train", sa.Boolean, nullable=False),
        sa.Column("may_publish", sa.Boolean, nullable=False),
    )
    op.create_index("ix_imports_handle", "imports", ["handle"])
    op.create_table(
        "summaries",
        sa.Column("handle", sa.String, primary_key=True),
        sa.Column("profile", sa.String, nullable=False),
        sa.Column("downloaded", sa.Integer, nullable=False),
        sa.Column("retweets", sa.Integer, nullable=False),
        sa.Column("short", sa.Integer, nullable=False),
        sa.Column("kept", sa.Integer, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
