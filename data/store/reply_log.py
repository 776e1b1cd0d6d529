"""The record of what voices said, what was reported of it, and counts of what the gates kept from being said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, or_, select, update

from data.store.database import Database, upsert_into
from data.store.tables import rejections, replies, reports


@dataclass(frozen=True)
class Reply:
    """Text that passed every gate and was said, with the voice and seed that made it and where it was said."""

    id: int
    voice_key: str
    prompt: str
    text: str
    seed: int
    front: str  # "terminal", "discord" ...
    created_at: datetime  # aware, UTC
    person: str = ""  # who asked; empty in the terminal
    place: str = ""


@dataclass(frozen=True)
class Report:
    """What somebody found wrong with a reply."""

    id: int
    reply_id: int
    person: str
    reason: str
    since: datetime  # aware, UTC


class ReplyLog:
    """Reached as `store.replies`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, voice_key: str, prompt: str, text: str, seed: int, front: str, person: str = "", place: str = ""
    ) -> int:
        """Record a reply; gives its number."""
        values = {
            "voice_key": voice_key,
            "prompt": prompt,
            "text": text,
            "seed": seed,
            "front": front,
            "created_at": datetime.now(UTC),
            "person": person,
            "place": place,
        }
        async with self._database.writer.begin() as connection:
            entered = await connection.execute(insert(replies).values(values).returning(replies.c.id))
            return int(entered.scalar_one())

    async def recent(self, voice_key: str | None = None, limit: int = 50) -> list[Reply]:
        """The last replies of a voice, or of all, newest first."""
        query = select(replies).order_by(replies.c.id.desc()).limit(limit)
        if voice_key is not None:
            query = query.where(replies.c.voice_key == voice_key)
        async with self._database.engine.connect() as connection:
            return [Reply(**row._mapping) for row in await connection.execute(query)]

    async def get(self, reply_id: int) -> Reply | None:
        """None where it was erased."""
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(replies).where(replies.c.id == reply_id))).first()
            return Reply(**row._mapping) if row else None

    async def report(self, reply_id: int, person: str, reason: str) -> int:
        """Enter what somebody found wrong; gives the report's number."""
        values = {"reply_id": reply_id, "person": person, "reason": reason, "since": datetime.now(UTC)}
        async with self._database.writer.begin() as connection:
            entered = await connection.execute(insert(reports).values(values).returning(reports.c.id))
            return int(entered.scalar_one())

    async def reports(self, limit: int = 50) -> list[tuple[Report, Reply]]:
        """Reports and what they are about, newest first."""
        query = (
            select(reports, replies)
            .join(replies, replies.c.id == reports.c.reply_id)
            .order_by(reports.c.id.desc())
            .limit(limit)
        )
        width = len(reports.c)
        async with self._database.engine.connect() as connection:
            return [(Report(*row[:width]), Reply(*row[width:])) for row in await connection.execute(query)]

    async def tidy(self, older_than: timedelta) -> int:
        """Of older replies keep only what the voice said, not to whom, where and about what; gives how many had
        more. Older reports are deleted.
        """
        before = datetime.now(UTC) - older_than
        named = or_(replies.c.prompt != "", replies.c.person != "", replies.c.place != "")
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(reports).where(reports.c.since < before))
            blanked = update(replies).where(replies.c.created_at < before, named)
            return (await connection.execute(blanked.values(prompt="", person="", place=""))).rowcount

    async def count_rejections(self, voice_key: str, by_reason: Mapping[str, int]) -> None:
        """Add to the counts; a `Counter` will do."""
        rows = [
            {"voice_key": voice_key, "reason": reason, "count": count}
            for reason, count in sorted(by_reason.items())
        ]
        if not rows:
            return
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, rejections)
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[rejections.c.voice_key, rejections.c.reason],
                    set_={"count": rejections.c.count + statement.excluded["count"]},
                ),
                rows,
            )

    async def rejections(self, voice_key: str | None = None) -> dict[str, int]:
        """Candidates rejected by reason, of one voice or of all."""
        query = select(rejections.c.reason, func.sum(rejections.c.count)).group_by(rejections.c.reason)
        if voice_key is not None:
            query = query.where(rejections.c.voice_key == voice_key)
        async with self._database.engine.connect() as connection:
            return {reason: int(total) for reason, total in await connection.execute(query)}
