"""What outside calls cost: every charge to the millionth of a dollar, and what calls under way may come to.

Before a call its highest price is reserved; afterwards the reservation gives way to the charges. A process that
dies in between leaves the reservation: it counts as spent until the same question is asked again, which a platform
charges once a day. The day is that of UTC, as bills have it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from data.errors import MynahError
from data.store.database import Database, upsert_into
from data.store.tables import charges, reservations

MICRO = 1_000_000  # microdollars to the dollar: a post read costs 5,000


@dataclass(frozen=True)
class Charge:
    """One resource that was read or written; a resource is charged once a day for each of the two."""

    kind: str  # as the price table calls it: "post read"
    resource: str  # its id on the platform
    microdollars: int


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
    ) -> None:
        """Set aside what a call may cost at most; the same purpose on the same day replaces its earlier one.

        Raises OverBudgetError, and reserves nothing, where that goes beyond one of the limits (microdollars).
        """
        day = today()
        async with self._database.writer.begin() as connection:
            await connection.execute(
                delete(reservations).where(
                    reservations.c.platform == platform,
                    reservations.c.purpose == purpose,
                    reservations.c.day == day,
                )
            )
            for name, since, limit in (("day", day, day_limit), ("month", day[:7], month_limit)):
                left = limit - await _spent(connection, since)
                if microdollars > left:
                    raise OverBudgetError(name, left)
            await connection.execute(
                reservations.insert().values(
                    platform=platform, purpose=purpose, day=day, kind=kind, microdollars=microdollars
                )
            )

    async def settle(self, platform: str, purpose: str, made: Iterable[Charge], *, writing: bool) -> int:
        """Put charges in the place of a reservation; gives what was new among them, in microdollars.

        None at all means that the call was not charged. A question of an earlier day that nobody heard the answer
        to stays reserved: asked again today, it is charged again. What was to be written is one thing for ever.
        """
        day = today()
        new = 0
        reserved = reservations.c.platform == platform, reservations.c.purpose == purpose
        async with self._database.writer.begin() as connection:
            await connection.execute(
                delete(reservations).where(*reserved, *([] if writing else [reservations.c.day == day]))
            )
            for charge in made:
                statement = upsert_into(connection, charges).values(
                    platform=platform,
                    day=day,
                    writing=writing,
                    resource=charge.resource,
                    kind=charge.kind,
                    microdollars=charge.microdollars,
                )
                entered = await connection.execute(
                    statement.on_conflict_do_nothing().returning(charges.c.microdollars)
                )
                new += entered.scalar() or 0
        return new

    async def spent(self, since: str) -> int:
        """Microdollars since a day ("2026-11-21") or a month ("2026-11") began, reservations included."""
        async with self._database.engine.connect() as connection:
            return await _spent(connection, since)

    async def history(self, since: str) -> list[Spent]:
        """By day, platform and kind, oldest first; what is reserved is of the kind "reserved"."""
        reserved = "reserved"
        query = select(
            charges.c.platform, charges.c.day, charges.c.kind, func.count(), func.sum(charges.c.microdollars)
        )
        query = query.where(charges.c.day >= since).group_by(charges.c.platform, charges.c.day, charges.c.kind)
        open_query = select(
            reservations.c.platform, reservations.c.day, func.count(), func.sum(reservations.c.microdollars)
        )
        open_query = open_query.where(reservations.c.day >= since).group_by(
            reservations.c.platform, reservations.c.day
        )
        async with self._database.engine.connect() as connection:
            rows = [
                Spent(platform, day, kind, count, int(total))
                for platform, day, kind, count, total in await connection.execute(query)
            ]
            rows += [
                Spent(platform, day, reserved, count, int(total))
                for platform, day, count, total in await connection.execute(open_query)
            ]
        return sorted(rows, key=lambda spent: (spent.day, spent.platform, spent.kind))


async def _spent(connection: AsyncConnection, since: str) -> int:
    totals = [
        await connection.scalar(
            select(func.coalesce(func.sum(table.c.microdollars), 0)).where(table.c.day >= since)
        )
        for table in (charges, reservations)
    ]
    return sum(int(total or 0) for total in totals)
