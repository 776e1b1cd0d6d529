"""Posts on their way out, each in one state, so that it goes out exactly once whatever happens on the way.

    due -> draft -> approved -> posting -> posted
                        ^          |  \\
                        |          v   -> failed
                        +------- unknown -> posted

A due post has no text yet. `draft` waits for somebody's approval; without need of one it is passed over. `posting`
means that the platform may have it from now on: whoever finds such a row abandoned must look there before anything
is sent again, and so must whoever heard nothing certain (`unknown`). Answers to mentions go the same way.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from data.store.database import Database, upsert_into
from data.store.standing import move_cursor
from data.store.tables import drafts

DraftState = Literal["due", "draft", "approved", "posting", "posted", "unknown", "failed", "rejected"]

# Every move there is; a move that is not here is refused.
MOVES: Mapping[DraftState, frozenset[DraftState]] = {
    "due": frozenset({"due", "draft", "approved", "failed", "rejected"}),
    "draft": frozenset({"draft", "approved", "rejected"}),
    "approved": frozenset({"approved", "draft", "posting", "rejected", "failed"}),
    "posting": frozenset({"posted", "unknown", "approved", "failed"}),
    "unknown": frozenset({"unknown", "posted", "approved", "failed"}),
    "posted": frozenset({"posted"}),
    "failed": frozenset({"failed", "due", "approved"}),
    "rejected": frozenset(),
}
ENDED: tuple[DraftState, ...] = ("posted", "failed", "rejected")
# What counts when nothing is to be said twice: also what may be out there, and what waits to be.
_SAID = ("draft", "approved", "posting", "unknown", "posted")


@dataclass(frozen=True)
class NewDraft:
    """A post or answer that is due. There is one of each `key`, which says what for: a schedule and time, say."""

    key: str
    platform: str  # "x", "bluesky"
    voice: str  # by name: the newest voice of that name speaks
    prompt: str = ""  # the start of a post, or the mention that is answered
    approve: bool = False  # whether somebody has to approve it
    schedule_id: int | None = None
    reply_to: str = ""  # the mention's id on its platform; empty for a post
    person: str = ""  # who is answered, or who asked for the post; with the platform: "x:123"
    thread: str = ""  # the conversation's id on its platform
    channel: str = ""  # where on Discord it is shown for approval: "discord:123"


@dataclass(frozen=True)
class Draft:
    """A row as it stands; fields as in NewDraft."""

    id: int
    key: str
    platform: str
    voice: str
    schedule_id: int | None
    prompt: str
    approve: bool
    reply_to: str
    person: str
    thread: str
    channel: str
    message: str  # the Discord message that shows it
    state: DraftState
    text: str  # as it is sent, without the AI label; empty while due
    voice_key: str  # of the voice that wrote it; empty where a person did
    published: str  # its id on the platform
    attempts: int  # how often it was sent, or tried to be written while due
    error: str  # what went wrong last, in a sentence
    not_before: datetime  # aware, UTC: it rests until then
    lease_until: float | None  # `time.time()`: until then its sender may be at it
    sent_at: datetime | None  # when it was first sent; what stands on the platform since then may be it
    since: datetime
    changed_at: datetime


class DraftStore:
    """Reached as `store.drafts`. A change names the states it may come from, so that two can't both make it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, new: NewDraft) -> int | None:
        """Its number, or None where one of that key is there already."""
        async with self._database.writer.begin() as connection:
            return await enter_draft(connection, new)

    async def enter_summons(self, news: Sequence[NewDraft], cursor: str, value: Any) -> int:
        """Enter answers that are due and move the cursor of what was read, together; gives how many are new."""
        async with self._database.writer.begin() as connection:
            entered = [await enter_draft(connection, new) for new in news]
            await move_cursor(connection, cursor, value)
        return sum(number is not None for number in entered)

    async def get(self, number: int) -> Draft | None:
        """None where it was erased."""
        found = await self._select(drafts.c.id == number)
        return found[0] if found else None

    async def keyed(self, key: str) -> Draft | None:
        found = await self._select(drafts.c.key == key)
        return found[0] if found else None

    async def in_state(self, *states: DraftState, platform: str | None = None, limit: int = 1_000) -> list[Draft]:
        """Oldest first."""
        of_platform = [drafts.c.platform == platform] if platform else []
        return await self._select(drafts.c.state.in_(states), *of_platform, limit=limit)

    async def of_schedule(self, schedule_id: int, *states: DraftState) -> list[Draft]:
        """Oldest first."""
        return await self._select(drafts.c.schedule_id == schedule_id, drafts.c.state.in_(states))

    async def changed_since(self, moment: datetime) -> list[Draft]:
        """Those of any state that changed at this moment or later, oldest first."""
        return await self._select(drafts.c.changed_at >= moment)

    async def recent(self, limit: int = 20) -> list[Draft]:
        """Posts (not answers) of any state, newest first."""
        query = select(drafts).where(drafts.c.reply_to == "").order_by(drafts.c.id.desc()).limit(limit)
        async with self._database.engine.connect() as connection:
            return [Draft(**row._mapping) for row in await connection.execute(query)]

    async def said(self, platform: str) -> list[str]:
        """Texts that stand or may come to stand on a platform, answers included."""
        query = select(drafts.c.text).where(drafts.c.platform == platform, drafts.c.state.in_(_SAID))
        async with self._database.engine.connect() as connection:
            return [text for (text,) in await connection.execute(query.where(drafts.c.text != ""))]

    async def answers(self, person: str, *, thread: str = "", since: datetime | None = None) -> int:
        """How many answers this person got or will get: in a thread, since a moment, or at all."""
        query = select(func.count()).where(
            drafts.c.person == person, drafts.c.reply_to != "", drafts.c.state.not_in(("failed", "rejected"))
        )
        if thread:
            query = query.where(drafts.c.thread == thread)
        if since is not None:
            query = query.where(drafts.c.since >= since)
        async with self._database.engine.connect() as connection:
            return int(await connection.scalar(query) or 0)

    async def move(
        self, number: int, came_from: DraftState | Collection[DraftState], to: DraftState, **values: Any
    ) -> Draft | None:
        """Move a draft and set columns of it; None where it is in none of those states any more.

        Raises ValueError for a move that the diagram above does not have.
        """
        states = (came_from,) if isinstance(came_from, str) else tuple(came_from)
        if missing := [state for state in states if to not in MOVES[state]]:
            raise ValueError(f"A draft never moves from {missing[0]} to {to}.")
        async with self._database.writer.begin() as connection:
            statement = update(drafts).where(drafts.c.id == number, drafts.c.state.in_(states))
            statement = statement.values(state=to, changed_at=datetime.now(UTC), **values)
            row = (await connection.execute(statement.returning(drafts))).first()
            return Draft(**row._mapping) if row else None

    async def claim(self, platform: str, lease_seconds: float) -> Draft | None:
        """Take the oldest approved draft whose rest is over and mark it as being posted; None where there is none.

        Until the lease ends nobody else touches it.
        """
        now = datetime.now(UTC)
        ready = select(drafts.c.id).where(
            drafts.c.platform == platform, drafts.c.state == "approved", drafts.c.not_before <= now
        )
        oldest = ready.order_by(drafts.c.not_before, drafts.c.id).limit(1).scalar_subquery()
        async with self._database.writer.begin() as connection:
            statement = update(drafts).where(drafts.c.id == oldest)
            statement = statement.values(
                state="posting",
                attempts=drafts.c.attempts + 1,
                lease_until=time.time() + lease_seconds,
                sent_at=func.coalesce(drafts.c.sent_at, now),
                changed_at=now,
            )
            row = (await connection.execute(statement.returning(drafts))).first()
            return Draft(**row._mapping) if row else None

    async def abandoned(self, platform: str) -> int:
        """Mark as unknown what a process was posting that did not come back; gives how many."""
        now = time.time()
        async with self._database.writer.begin() as connection:
            statement = update(drafts).where(
                drafts.c.platform == platform,
                drafts.c.state == "posting",
                or_(drafts.c.lease_until.is_(None), drafts.c.lease_until < now),
            )
            moved = await connection.execute(statement.values(state="unknown", changed_at=datetime.now(UTC)))
            return moved.rowcount

    async def show(self, number: int, message: str) -> None:
        """Note the Discord message that shows a draft."""
        async with self._database.writer.begin() as connection:
            await connection.execute(update(drafts).where(drafts.c.id == number).values(message=message))

    async def silence(self, person: str) -> int:
        """Reject what is not on its way to this person yet; gives how many that were."""
        async with self._database.writer.begin() as connection:
            statement = update(drafts).where(
                drafts.c.person == person,
                drafts.c.reply_to != "",
                drafts.c.state.in_(("due", "draft", "approved")),
            )
            return (
                await connection.execute(statement.values(state="rejected", changed_at=datetime.now(UTC)))
            ).rowcount

    async def tidy(self, older_than: timedelta) -> int:
        """Of ended answers that are older, keep neither what was asked nor by whom; gives how many had that."""
        before = datetime.now(UTC) - older_than
        async with self._database.writer.begin() as connection:
            statement = update(drafts).where(
                drafts.c.reply_to != "",
                drafts.c.changed_at < before,
                drafts.c.state.in_(ENDED),
                or_(drafts.c.person != "", drafts.c.prompt != ""),
            )
            return (await connection.execute(statement.values(person="", prompt="", thread=""))).rowcount

    async def _select(self, *conditions: Any, limit: int | None = None) -> list[Draft]:
        query = select(drafts).where(*conditions).order_by(drafts.c.id).limit(limit)
        async with self._database.engine.connect() as connection:
            return [Draft(**row._mapping) for row in await connection.execute(query)]


async def enter_draft(connection: AsyncConnection, new: NewDraft) -> int | None:
    """Within somebody's transaction: the draft's number, or None where one of that key is there already."""
    now = datetime.now(UTC)
    statement = upsert_into(connection, drafts).values(
        key=new.key,
        platform=new.platform,
        voice=new.voice,
        schedule_id=new.schedule_id,
        prompt=new.prompt,
        approve=new.approve,
        reply_to=new.reply_to,
        person=new.person,
        thread=new.thread,
        channel=new.channel,
        message="",
        state="due",
        text="",
        voice_key="",
        published="",
        attempts=0,
        error="",
        not_before=now,
        since=now,
        changed_at=now,
    )
    entered = await connection.execute(statement.on_conflict_do_nothing().returning(drafts.c.id))
    row = entered.first()
    return int(row.id) if row else None
