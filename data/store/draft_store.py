"""The drafts in the database: entered, found, moved from state to state, and claimed by who sends them."""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from data.errors import MynahError
from data.store.database import Database, upsert_into
from data.store.draft import ENDED, MOVES, UNSENT, Draft, DraftState, NewDraft
from data.store.standing import move_cursor
from data.store.tables import drafts

# What counts when nothing is to be said twice: also what may be out there, and what waits to be.
_SAID = ("draft", "approved", "posting", "unknown", "posted")


class SaidBeforeError(MynahError):
    """Another draft came to say the same first."""

    def __init__(self) -> None:
        super().__init__("Another draft says the same or nearly the same by now; write something else.")


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

    async def said(self, platform: str, *, besides: int | None = None) -> list[str]:
        """Texts that stand or may come to stand on a platform, answers included, but for one draft's."""
        async with self._database.engine.connect() as connection:
            return await _said(connection, platform, besides)

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

    async def counts(self) -> dict[DraftState, int]:
        """How many posts and answers there are in each state that has any."""
        query = select(drafts.c.state, func.count()).group_by(drafts.c.state)
        async with self._database.engine.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}

    async def move(
        self, number: int, came_from: DraftState | Collection[DraftState], to: DraftState, **values: Any
    ) -> Draft | None:
        """Move a draft and set columns of it; None where it is in none of those states any more.

        Raises ValueError for a move that MOVES does not have.
        """
        states = (came_from,) if isinstance(came_from, str) else tuple(came_from)
        async with self._database.writer.begin() as connection:
            return await _move(connection, number, states, to, **values)

    async def write(
        self,
        draft: Draft,
        to: DraftState,
        text: str,
        *,
        voice_key: str = "",
        repeats: Callable[[Sequence[str]], bool],
    ) -> Draft | None:
        """Give a draft a text and move it on; None where it is not in its state any more.

        `repeats` tells whether the text says again what the others on its platform say. It is asked in the same
        transaction, as two may come upon the same words at once. Raises SaidBeforeError where it does.
        """
        async with self._database.writer.begin() as connection:
            if repeats(await _said(connection, draft.platform, draft.id)):
                raise SaidBeforeError
            return await _move(
                connection,
                draft.id,
                (draft.state,),
                to,
                text=text,
                voice_key=voice_key,
                attempts=0,
                error="",
                not_before=datetime.now(UTC),
            )

    async def claim(
        self, platform: str, lease_seconds: float, *, label: str = "", number: int | None = None
    ) -> Draft | None:
        """Take the oldest approved draft whose rest is over, or the one of that number where it is such a one, and
        mark it as being posted; None where there is none.

        Until the lease ends nobody else touches it. `label` ends what is sent, and what was sent is sent again as
        it was: it is looked for by its words.
        """
        now = datetime.now(UTC)
        ready = drafts.c.platform == platform, drafts.c.state == "approved", drafts.c.not_before <= now
        asked_for = [drafts.c.id == number] if number is not None else []
        oldest = (
            select(drafts.c.id)
            .where(*ready, *asked_for)
            .order_by(drafts.c.not_before, drafts.c.id)
            .limit(1)
            .scalar_subquery()
        )
        async with self._database.writer.begin() as connection:
            # Asked once more, as PostgreSQL lets another process claim it between the search and the change.
            statement = update(drafts).where(drafts.c.id == oldest, drafts.c.state == "approved")
            statement = statement.values(
                state="posting",
                attempts=drafts.c.attempts + 1,
                lease_until=time.time() + lease_seconds,
                sent_at=func.coalesce(drafts.c.sent_at, now),
                sent=case((drafts.c.sent_at.is_(None), drafts.c.text + label), else_=drafts.c.sent),
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
            moved = await connection.execute(
                statement.values(
                    state="unknown",
                    error="",
                    # Nothing was heard of the platform, so the attempt says nothing about it.
                    attempts=drafts.c.attempts - 1,
                    changed_at=datetime.now(UTC),
                )
            )
            return moved.rowcount

    async def on_cards(self) -> list[Draft]:
        """Those that wait for approval and want to be shown on Discord, and those that are shown there."""
        waits = and_(drafts.c.state == "draft", drafts.c.channel != "")
        return await self._select(or_(waits, drafts.c.message != ""))

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
                drafts.c.state.in_(UNSENT),
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


async def _said(connection: AsyncConnection, platform: str, besides: int | None) -> list[str]:
    query = select(drafts.c.text).where(
        drafts.c.platform == platform,
        drafts.c.state.in_(_SAID),
        drafts.c.text != "",
        drafts.c.id != (besides or 0),
    )
    return list(await connection.scalars(query.order_by(drafts.c.id)))


async def _move(
    connection: AsyncConnection, number: int, states: Sequence[DraftState], to: DraftState, **values: Any
) -> Draft | None:
    if missing := [state for state in states if to not in MOVES[state]]:
        raise ValueError(f"A draft never moves from {missing[0]} to {to}.")
    statement = update(drafts).where(drafts.c.id == number, drafts.c.state.in_(states))
    statement = statement.values(state=to, changed_at=datetime.now(UTC), **values)
    row = (await connection.execute(statement.returning(drafts))).first()
    return Draft(**row._mapping) if row else None


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
        decided_by="",
        state="draft" if new.text else "due",
        text=new.text,
        sent="",
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
