"""Schedules of posts. The table is the truth: a clock only waits for what stands here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from data.store.database import Database
from data.store.draft import UNSENT, NewDraft
from data.store.draft_store import enter_draft
from data.store.tables import drafts, schedules


@dataclass(frozen=True)
class NewSchedule:
    """What somebody wants posted, where and when. `timing` is that of `bot.autopost.timing`, as JSON."""

    platform: str
    voice: str  # by name: the newest voice of that name speaks
    timing: dict[str, Any]
    prompt: str = ""  # how each post begins
    approve: bool = False  # whether each post waits for somebody's approval
    channel: str = ""  # where on Discord drafts are shown: "discord:123"
    person: str = ""  # who made it, with the platform; empty in the terminal
    nominal_at: datetime | None = None  # the next time by the timing alone
    next_at: datetime | None = None  # the same, moved by chance within the jitter


@dataclass(frozen=True, kw_only=True)
class Schedule(NewSchedule):
    """A row as it stands."""

    id: int
    paused: bool
    since: datetime  # aware, UTC


class ScheduleStore:
    """Reached as `store.schedules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewSchedule) -> Schedule:
        values = {name: getattr(new, name) for name in NewSchedule.__dataclass_fields__}
        async with self._database.writer.begin() as connection:
            statement = insert(schedules).values(**values, paused=False, since=datetime.now(UTC))
            return Schedule(**(await connection.execute(statement.returning(schedules))).one()._mapping)

    async def get(self, number: int) -> Schedule | None:
        found = [schedule for schedule in await self.all() if schedule.id == number]
        return found[0] if found else None

    async def all(self) -> list[Schedule]:
        """By number."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(schedules).order_by(schedules.c.id))
            return [Schedule(**row._mapping) for row in rows]

    async def pause(self, number: int) -> bool:
        """False where there is none of that number."""
        return await self._change(number, paused=True)

    async def resume(self, number: int, nominal_at: datetime, next_at: datetime) -> bool:
        """From its next time on: what passed while it was paused is not made up. False where there is none."""
        return await self._change(number, paused=False, nominal_at=nominal_at, next_at=next_at)

    async def remove(self, number: int) -> bool:
        """Posts of it that are not on their way yet are rejected. False where there is none of that number."""
        async with self._database.writer.begin() as connection:
            waiting = drafts.c.state.in_(UNSENT)
            await connection.execute(
                update(drafts)
                .where(drafts.c.schedule_id == number, waiting)
                .values(state="rejected", changed_at=datetime.now(UTC))
            )
            return bool((await connection.execute(delete(schedules).where(schedules.c.id == number))).rowcount)

    async def fire(
        self, schedule: Schedule, due: NewDraft | None, nominal_at: datetime | None, next_at: datetime | None
    ) -> int | None:
        """Enter what is due, if anything, and move the schedule on to its next time, together.

        Gives the draft's number; None where there is none, or another clock was faster, or the schedule was paused
        or removed meanwhile.
        """
        async with self._database.writer.begin() as connection:
            here = schedules.c.id == schedule.id, schedules.c.paused.is_(False)
            standing = (await connection.execute(select(schedules.c.next_at).where(*here))).first()
            if standing is None or standing.next_at != schedule.next_at:
                return None
            await connection.execute(update(schedules).where(*here).values(nominal_at=nominal_at, next_at=next_at))
            return await enter_draft(connection, due) if due is not None else None

    async def _change(self, number: int, **values: Any) -> bool:
        async with self._database.writer.begin() as connection:
            statement = update(schedules).where(schedules.c.id == number).values(**values)
            return bool((await connection.execute(statement)).rowcount)
