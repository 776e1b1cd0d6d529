"""What outside calls cost: every charge to the millionth of a dollar, and what calls under way may come to.

Before a call its highest price is reserved; afterwards the reservation gives way to the charges. A process that
dies in between leaves the reservation: it counts as spent until the same question is asked again, which a platform
charges once a day. The day is that of UTC, as bills have it, and that of the reservation: a call that ends after
midnight belongs to the day on which it was allowed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from data.errors import MynahError
from data.store.database import Database, upsert_into
from data.store.tables import charges, reservations

MICRO = 1_000_000  # microdollars to the dollar: a post read costs 5,000
RESERVED = "reserved"  # the kind under which the history tells of calls whose end is not known


@dataclass(frozen=True)
class Charge:
    """One resource that was read or written; a resource is charged once a day for each of the two."""

    kind: str  # as the price table calls it: "post read"
    resource: str  # its id on the platform
    microdollars: int


@dataclass(frozen=True)
class Reserved:
    """Money that was set aside, for which day, and whether it was already: for a call whose end nobody heard."""

    day: str
    again: bool


@dataclass(frozen=True)
class Spent:
    """What one kind of call came to on one day."""

    platform: str
    day: str  # "2026-11-21"
    kind: str
    count: int
    microdollars: int


class OverBudgetError(MynahError):
    """A reservation would go beyond a limit: `limit` is "day" or "month"; `left` are microdollars."""

    def __init__(self, limit: str, left: int) -> None:
        super().__init__(f"The budget of the {limit} has ${left / MICRO:.2f} left, which is not enough for this.")
        self.limit = limit
        self.left = left


def today() -> str:
    """The day that charges made now belong to."""
    return datetime.now(UTC).date().isoformat()


class Ledger:
    """Reached as `store.ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self, platform: str, purpose: str, kind: str, microdollars: int, *, day_limit: int, month_limit: int
    ) -> Reserved:
        """Set aside what a call may cost at most; the same purpose on the same day replaces its earlier one.

        Raises OverBudgetError, and reserves nothing, where that goes beyond one of the limits
        (microdollars). What costs nothing is never beyond them.
        """
        day = today()
        if not microdollars:
            return Reserved(day, again=False)
        async with self._database.writer.begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite's writers stand in line anyway
                await connection.execute(text("LOCK TABLE reservations IN EXCLUSIVE MODE"))
            replaced = await connection.execute(
                delete(reservations).where(
                    reservations.c.platform == platform,
                    reservations.c.purpose == purpose,
                    reservations.c.day == day,
                )
            )
            for name, period, limit in (("month", day[:7], month_limit), ("day", day, day_limit)):
                left = limit - await _spent(connection, period)
                if microdollars > left:
                    raise OverBudgetError(name, max(0, left))
            await connection.execute(
                reservations.insert().values(
                    platform=platform, purpose=purpose, day=day, kind=kind, microdollars=microdollars
                )
            )
        return Reserved(day, again=bool(replaced.rowcount))

    async def settle(
        self, platform: str, purpose: str, made: Iterable[Charge], *, writing: bool, day: str = ""
    ) -> int:
        """Put charges in the place of a reservation of `day` (today's); gives what was new, in microdollars.

        None at all means that the call was not charged. A question of an earlier day that nobody heard the answer
        to stays reserved: asked again today, it is charged again. What was to be written is one thing for ever:
        whenever it is settled, it is charged once, on the day for which it was reserved.
        """
        here = [reservations.c.platform == platform, reservations.c.purpose == purpose]
        if not writing:
            here.append(reservations.c.day == (day or today()))
        async with self._database.writer.begin() as connection:
            removed = await connection.execute(delete(reservations).where(*here).returning(reservations.c.day))
            day = min(removed.scalars(), default=day or today())
            if writing:
                made = [charge for charge in made if not await _written(connection, platform, charge.resource)]
            rows = [
                {
                    "platform": platform,
                    "day": day,
                    "writing": writing,
                    "resource": charge.resource,
                    "kind": charge.kind,
                    "microdollars": charge.microdollars,
                }
                for charge in made
            ]
            if not rows:
                return 0
            enter = upsert_into(connection, charges).values(rows).on_conflict_do_nothing()
            return sum((await connection.execute(enter.returning(charges.c.microdollars))).scalars())

    async def spent(self, period: str) -> int:
        """Microdollars of a day ("2026-11-21") or a month ("2026-11"), reservations included."""
        async with self._database.engine.connect() as connection:
            return await _spent(connection, period)

    async def history(self, period: str) -> list[Spent]:
        """A day or a month by day, platform and kind, oldest first; what is reserved is of the kind RESERVED."""
        booked, held = charges.c, reservations.c
        by_kind = select(booked.platform, booked.day, booked.kind, func.count(), func.sum(booked.microdollars))
        by_kind = by_kind.where(booked.day.startswith(period)).group_by(booked.platform, booked.day, booked.kind)
        open_calls = select(held.platform, held.day, literal(RESERVED), func.count(), func.sum(held.microdollars))
        open_calls = open_calls.where(held.day.startswith(period)).group_by(held.platform, held.day)
        async with self._database.engine.connect() as connection:
            rows = [*await connection.execute(by_kind), *await connection.execute(open_calls)]
        found = [Spent(platform, day, kind, count, int(total)) for platform, day, kind, count, total in rows]
        return sorted(found, key=lambda spent: (spent.day, spent.platform, spent.kind))


async def _spent(connection: AsyncConnection, period: str) -> int:
    """In one statement: between two, a reservation could turn into charges unseen."""
    charged, reserved = (
        select(func.coalesce(func.sum(table.c.microdollars), 0))
        .where(table.c.day.startswith(period))
        .scalar_subquery()
        for table in (charges, reservations)
    )
    return int(await connection.scalar(select(charged + reserved)) or 0)


async def _written(connection: AsyncConnection, platform: str, resource: str) -> bool:
    """Whether it was charged before, on whatever day."""
    query = select(charges.c.day).where(
        charges.c.platform == platform, charges.c.writing, charges.c.resource == resource
    )
    return (await connection.execute(query.limit(1))).first() is not None
