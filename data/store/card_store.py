"""Run cards: the messages that show how a run gets on. They are kept so that a restarted bot goes on with them,
and counted for the quotas on training.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, update

from data.store.database import Database
from data.store.tables import cards


@dataclass(frozen=True)
class Card:
    """A message on a platform that shows a run; several cards may show one run."""

    id: int
    run_id: int
    place: str
    channel: str
    message: str  # its id on the platform
    person: str  # who asked for the run
    say: str  # what the voice is to answer when it is ready; often empty
    open: bool  # False once it shows the end
    since: datetime  # aware, UTC


class CardStore:
    """Reached as `store.cards`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        run_id: int,
        *,
        place: str,
        channel: str,
        message: str,
        person: str,
        say: str = "",
        closed: bool = False,
    ) -> Card:
        """`closed` is a wish for which there is no message to be kept up to date."""
        values = {
            "run_id": run_id,
            "place": place,
            "channel": channel,
            "message": message,
            "person": person,
            "say": say,
            "open": not closed,
            "since": datetime.now(UTC),
        }
        async with self._database.writer.begin() as connection:
            row = (await connection.execute(insert(cards).values(values).returning(*cards.c))).one()
            return Card(**row._mapping)

    async def open(self) -> list[Card]:
        """Those that do not show the end of their run yet, oldest first."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(cards).where(cards.c.open).order_by(cards.c.id))
            return [Card(**row._mapping) for row in rows]

    async def of_run(self, run_id: int) -> list[Card]:
        """Every card of a run, the first one's person being who asked first."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(cards).where(cards.c.run_id == run_id).order_by(cards.c.id))
            return [Card(**row._mapping) for row in rows]

    async def asked_in(self, place: str, limit: int = 25) -> list[Card]:
        """What was asked for in a place, newest first."""
        query = select(cards).where(cards.c.place == place).order_by(cards.c.id.desc()).limit(limit)
        async with self._database.engine.connect() as connection:
            return [Card(**row._mapping) for row in await connection.execute(query)]

    async def close(self, card_id: int) -> None:
        async with self._database.writer.begin() as connection:
            await connection.execute(update(cards).where(cards.c.id == card_id).values(open=False))

    async def asked_for(self, within: timedelta, *, person: str = "", place: str = "") -> int:
        """How many runs this person, or anybody in this place, has asked for lately."""
        query = select(func.count(func.distinct(cards.c.run_id))).where(
            cards.c.since >= datetime.now(UTC) - within,
            *([cards.c.person == person] if person else []),
            *([cards.c.place == place] if place else []),
        )
        async with self._database.engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def tidy(self, older_than: timedelta) -> int:
        """Delete older ones that show the end of their run; gives how many."""
        old = cards.c.since < datetime.now(UTC) - older_than
        async with self._database.writer.begin() as connection:
            return (await connection.execute(delete(cards).where(old, ~cards.c.open))).rowcount
