"""Voices are named by their handles joined by '+': a handle may hold the '-' that joined them before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

voices = sa.table(
    "voices", sa.column("key", sa.String), sa.column("name", sa.String), sa.column("handles", sa.JSON)
)


def upgrade() -> None:
    connection = op.get_bind()
    for key, handles in connection.execute(sa.select(voices.c.key, voices.c.handles)).all():
        connection.execute(voices.update().where(voices.c.key == key).values(name="+".join(sorted(handles))))
