"""Forgetting a handle: one transaction over all tables, with a receipt of what went."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from data.store import tables
from data.store.database import Database


@dataclass(frozen=True)
class Forgotten:
    """The receipt: rows deleted by table, and what names the folders that the caller still has to delete."""

    counts: dict[str, int]
    voice_keys: tuple[str, ...]  # of finished voices and of runs alike
    run_ids: tuple[int, ...]


async def forget(database: Database, handle: str) -> Forgotten:
    """Delete all that involves the handle. Nothing there is no error: every count is then 0."""
    async with database.writer.begin() as connection:
        # Handles are JSON lists, which every database searches in its own way; runs and voices are few.
        runs = [
            row
            for row in await connection.execute(select(tables.runs).order_by(tables.runs.c.id))
            if handle in row.handles
        ]
        voices = [row for row in await connection.execute(select(tables.voices)) if handle in row.handles]
        run_ids = tuple(row.id for row in runs)
        keys = tuple(sorted({row.voice_key for row in runs} | {row.key for row in voices}))
        involved = {
            tables.posts: tables.posts.c.handle == handle,
            tables.imports: tables.imports.c.handle == handle,
            tables.summaries: tables.summaries.c.handle == handle,
            tables.runs: tables.runs.c.id.in_(run_ids),
            tables.voices: tables.voices.c.key.in_(keys),
            tables.replies: tables.replies.c.voice_key.in_(keys),
            tables.rejections: tables.rejections.c.voice_key.in_(keys),
        }
        counts = {
            table.name: (await connection.execute(delete(table).where(rows))).rowcount
            for table, rows in involved.items()
        }
    return Forgotten(counts, keys, run_ids)
