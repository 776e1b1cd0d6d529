"""Forgetting a handle, or a person who used the bot: one transaction over all tables, with a receipt of what went.

An opt-out outlasts both: it is what keeps the handle from coming back.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, false, or_, select, update

from data.posts import PLATFORMS, timeline_cursor, voice_name
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
        names = {voice_name(row.handles) for row in (*runs, *voices)} | {handle}
        for table in (tables.schedules, tables.drafts):
            planned = await connection.execute(select(table.c.voice).distinct())
            names |= {name for (name,) in planned if handle in name.split("+")}
        rounds = select(tables.rounds.c.id).where(tables.rounds.c.voice_key.in_(keys))
        replies = select(tables.replies.c.id).where(tables.replies.c.voice_key.in_(keys))
        involved = {  # what refers to other rows before these
            tables.votes: tables.votes.c.round_id.in_(rounds),
            tables.rounds: tables.rounds.c.voice_key.in_(keys),
            tables.reports: tables.reports.c.reply_id.in_(replies),
            tables.cards: tables.cards.c.run_id.in_(run_ids),
            tables.channels: tables.channels.c.voice.in_(names),
            tables.schedules: tables.schedules.c.voice.in_(names),
            tables.drafts: tables.drafts.c.voice.in_(names),
            tables.cursors: tables.cursors.c.name.in_(
                [timeline_cursor(platform, handle) for platform in PLATFORMS]
            ),
            tables.rights: tables.rights.c.handle == handle,
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
    await _empty_log(database)
    return Forgotten(counts, keys, run_ids)


async def records_of(database: Database, person: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that names a person, by table: what `forget_person` deletes or takes the name from, the opt-outs,
    and the rights to their corpora. Who reported what they were told is not for them to know.
    """
    named = _about(person)
    named[tables.reports] = tables.reports.c.person == person
    for column in (*_SHARED, *_LASTING):
        named[column.table] = or_(named.get(column.table, false()), column == person)
    async with database.engine.connect() as connection:
        found = {
            table.name: [dict(row._mapping) for row in await connection.execute(select(table).where(rows))]
            for table, rows in named.items()
        }
    return {name: rows for name, rows in found.items() if rows}


async def forget_person(database: Database, person: str) -> dict[str, int]:
    """Delete what is kept about a person as a user of the bot: rows by table. Their corpora are `forget`'s."""
    async with database.writer.begin() as connection:
        counts = {
            table.name: (await connection.execute(delete(table).where(rows))).rowcount
            for table, rows in _about(person).items()
        }
        for column in _SHARED:
            await connection.execute(update(column.table).where(column == person).values({column: ""}))
    await _empty_log(database)
    return counts


async def _empty_log(database: Database) -> None:
    """SQLite's write-ahead log holds what was deleted until it is written to the file and cut off.

    It waits as long as a statement may for those who still read; should they read on, the next one does it.
    """
    async with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await (await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()


# Who is named in what belongs to others as well: it stays, without the name.
_SHARED = (
    tables.runs.c.requested_by,
    tables.channels.c.person,
    tables.schedules.c.person,
    tables.drafts.c.person,  # what is left: posts that they asked for
    tables.drafts.c.decided_by,
    tables.confirmations.c.person,
)
# Who is named in what they decided: an opt-out and a wish for silence outlast them, a right goes with its corpus.
_LASTING = (tables.opt_outs.c.person, tables.rights.c.owner, tables.silences.c.person)


def _about(person: str) -> dict[Any, Any]:
    own = select(tables.replies.c.id).where(tables.replies.c.person == person)
    return {
        tables.reports: or_(tables.reports.c.person == person, tables.reports.c.reply_id.in_(own)),
        tables.replies: tables.replies.c.person == person,
        tables.votes: tables.votes.c.person == person,
        tables.mentions: tables.mentions.c.person == person,
        tables.cards: tables.cards.c.person == person,
        tables.drafts: and_(tables.drafts.c.person == person, tables.drafts.c.reply_to != ""),
    }
