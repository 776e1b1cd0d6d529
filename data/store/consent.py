"""Who may use whose posts: the owner's word on a corpus, and the handles that may not be imitated at all.

Persons and places are named with their platform, as in "discord:80351110224678912".
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from data.errors import RefusedError
from data.store.database import Database, upsert_into
from data.store.tables import opt_outs, rights

Audience = Literal["owner", "place", "everyone"]

MOST_OPT_OUTS = 5  # handles one person may opt out: enough for all of one's own, too few to silence a server
NOBODY = ""  # in the place of who opted a handle out, where two did
OPERATOR = "operator"  # who opted a handle out, where nobody else lifts it


@dataclass(frozen=True)
class Right:
    """The owner's word on a corpus. One without a row was brought by the operator and is everybody's to use."""

    handle: str
    owner: str
    place: str  # where the owner brought it
    audience: Audience = "place"
    game: bool = False  # whether real posts may be shown in the guessing game

    def allows(self, person: str, place: str) -> bool:
        """Whether this person may use the corpus in this place."""
        return (
            self.audience == "everyone"
            or person == self.owner
            or (self.audience == "place" and place == self.place)
        )


@dataclass(frozen=True)
class OptOut:
    """A handle that may not be imported, trained or spoken, and who asked for that."""

    handle: str
    person: str
    wants_erasure: bool  # asked for by somebody who is not its owner here, so that the operator must see to it
    since: datetime  # aware, UTC


class ConsentStore:
    """Reached as `store.consent`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def right(self, handle: str) -> Right | None:
        """None where nobody owns the corpus: the operator brought it."""
        return (await self.rights([handle])).get(handle)

    async def rights(self, handles: Collection[str]) -> dict[str, Right]:
        """Of those that somebody owns."""
        return {right.handle: right for right in await self._select(rights.c.handle.in_(handles))}

    async def owned_by(self, person: str) -> list[Right]:
        """By handle."""
        return await self._select(rights.c.owner == person)

    async def owned(self, handles: Collection[str], person: str) -> set[str]:
        """Of `handles`, those that this person owns."""
        return {handle for handle, right in (await self.rights(handles)).items() if right.owner == person}

    async def claim(self, right: Right) -> None:
        """Enter or change the owner's word. Raises RefusedError where another person owns the handle."""
        async with self._database.writer.begin() as connection:
            await enter_right(connection, right)

    async def refuse_stranger(self, handle: str, person: str) -> None:
        """Raises RefusedError where another person owns the handle."""
        right = await self.right(handle)
        if right is not None:
            _refuse_stranger(handle, right.owner, person)

    async def usable(self, handles: Iterable[str], person: str, place: str) -> set[str]:
        """Of `handles`, those that this person may use in this place: nobody opted out, the owner agrees."""
        handles = set(handles)
        owned = await self.rights(handles)
        allowed = {handle for handle in handles if handle not in owned or owned[handle].allows(person, place)}
        return allowed - await self.opted_out(allowed)

    async def opted_out(self, handles: Collection[str]) -> set[str]:
        """Of `handles`, those that may not be imitated."""
        async with self._database.engine.connect() as connection:
            return await _opted_out(connection, handles)

    async def refuse_opted_out(self, handles: Collection[str]) -> None:
        """Raises RefusedError where one of `handles` may not be imitated."""
        async with self._database.engine.connect() as connection:
            await refuse_opted_out(connection, handles)

    async def opt_out(self, handle: str, person: str | None, *, wants_erasure: bool = False) -> None:
        """From now on. `person` None is the operator. Raises RefusedError for one handle too many.

        Whoever it is entered for may lift it: who asked, or the handle's owner where that one asked as well. Where
        two others asked, nobody can tell whose it is, so that only the operator lifts it.
        """
        name = person or OPERATOR
        async with self._database.writer.begin() as connection:
            owner = select(rights.c.owner).where(rights.c.handle == handle)
            decides = person is None or await connection.scalar(owner) == person
            others = select(func.count()).where(opt_outs.c.person == name, opt_outs.c.handle != handle)
            if not decides and (await connection.execute(others)).scalar_one() >= MOST_OPT_OUTS:
                raise RefusedError(
                    f"You have opted {MOST_OPT_OUTS} handles out already; ask the operator of this bot for more."
                )
            statement = upsert_into(connection, opt_outs).values(
                handle=handle, person=name, wants_erasure=wants_erasure, since=datetime.now(UTC)
            )
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[opt_outs.c.handle],
                    set_={"wants_erasure": opt_outs.c.wants_erasure | statement.excluded.wants_erasure},
                )
            )
            entered = await connection.scalar(select(opt_outs.c.person).where(opt_outs.c.handle == handle))
            if entered not in (name, OPERATOR) and (decides or entered != await connection.scalar(owner)):
                lifted_by = name if decides else NOBODY
                await connection.execute(
                    update(opt_outs).where(opt_outs.c.handle == handle).values(person=lifted_by)
                )

    async def opt_in(self, handle: str, person: str | None = None) -> bool:
        """Whether it was opted out and is so no more. `person` None is the operator, who may for everybody.

        Raises RefusedError where another person opted it out.
        """
        async with self._database.writer.begin() as connection:
            row = (await connection.execute(select(opt_outs).where(opt_outs.c.handle == handle))).first()
            if row is not None and person not in (None, row.person):
                raise RefusedError(
                    f"Another account opted @{handle} out; only that one or the operator of this bot lifts it."
                )
            await connection.execute(delete(opt_outs).where(opt_outs.c.handle == handle))
            return row is not None

    async def all_opt_outs(self) -> list[OptOut]:
        """By handle."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(opt_outs).order_by(opt_outs.c.handle))
            return [OptOut(**row._mapping) for row in rows]

    async def erased(self, handle: str) -> None:
        """The operator has seen to a wish for erasure; the handle stays opted out."""
        async with self._database.writer.begin() as connection:
            await connection.execute(
                update(opt_outs).where(opt_outs.c.handle == handle).values(wants_erasure=False)
            )

    async def _select(self, condition: object) -> list[Right]:
        columns = [column for column in rights.c if column.name != "since"]
        query = select(*columns).where(condition).order_by(rights.c.handle)  # type: ignore[arg-type]
        async with self._database.engine.connect() as connection:
            return [Right(**row._mapping) for row in await connection.execute(query)]


async def enter_right(connection: AsyncConnection, right: Right) -> None:
    """`ConsentStore.claim` within somebody's transaction."""
    owner = await connection.scalar(select(rights.c.owner).where(rights.c.handle == right.handle))
    if owner is not None:
        _refuse_stranger(right.handle, owner, right.owner)
    values = {**asdict(right), "since": datetime.now(UTC)}
    statement = upsert_into(connection, rights).values(values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[rights.c.handle],
            set_={name: value for name, value in values.items() if name not in ("handle", "since")},
        )
    )


async def refuse_opted_out(connection: AsyncConnection, handles: Collection[str]) -> None:
    """`ConsentStore.refuse_opted_out` within somebody's transaction."""
    for handle in sorted(await _opted_out(connection, handles)):
        raise RefusedError(f"@{handle} has opted out: nobody may import, train or speak that voice here.")


async def _opted_out(connection: AsyncConnection, handles: Collection[str]) -> set[str]:
    return set(await connection.scalars(select(opt_outs.c.handle).where(opt_outs.c.handle.in_(handles))))


def _refuse_stranger(handle: str, owner: str, person: str) -> None:
    if owner != person:
        raise RefusedError(
            f"@{handle} was brought by another account, which decides about it; if it is yours, opt out of it "
            "here and tell the operator of this bot."
        )
