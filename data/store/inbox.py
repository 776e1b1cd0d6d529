"""What reached the bot and waits for its answer, so that a restart neither loses nor repeats one.

Mentions are entered before they are answered and marked afterwards. Of interactions the token that answers them is
kept for the minutes it is good for, so that a bot that was restarted can tell those who wait.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update

from data.store.database import Database, upsert_into
from data.store.tables import interactions, mentions


@dataclass(frozen=True)
class WaitingMention:
    """A mention without an answer; its text stays on its platform."""

    mention: str
    channel: str
    person: str
    since: datetime  # aware, UTC


@dataclass(frozen=True)
class WaitingInteraction:
    """An interaction that was acknowledged but has not been answered."""

    interaction: str
    token: str
    since: datetime  # aware, UTC


class Inbox:
    """Reached as `store.inbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, mention: str, channel: str, person: str) -> bool:
        """False where it is known already: somebody answers it, or has."""
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, mentions).values(
                mention=mention, channel=channel, person=person, state="waiting", since=datetime.now(UTC)
            )
            entered = await connection.execute(statement.on_conflict_do_nothing().returning(mentions.c.mention))
            return entered.first() is not None

    async def done(self, mention: str) -> None:
        """Answered, or never to be."""
        async with self._database.writer.begin() as connection:
            await connection.execute(update(mentions).where(mentions.c.mention == mention).values(state="done"))

    async def waiting(self) -> list[WaitingMention]:
        """Oldest first."""
        columns = [column for column in mentions.c if column.name != "state"]
        query = select(*columns).where(mentions.c.state == "waiting").order_by(mentions.c.since)
        async with self._database.engine.connect() as connection:
            return [WaitingMention(**row._mapping) for row in await connection.execute(query)]

    async def acknowledged(self, interaction: str, token: str) -> None:
        async with self._database.writer.begin() as connection:
            await connection.execute(
                insert(interactions).values(interaction=interaction, token=token, since=datetime.now(UTC))
            )

    async def answered(self, interaction: str) -> None:
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(interactions).where(interactions.c.interaction == interaction))

    async def unanswered(self) -> list[WaitingInteraction]:
        """Interactions that an earlier process acknowledged and did not answer, oldest first."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(interactions).order_by(interactions.c.since))
            return [WaitingInteraction(**row._mapping) for row in rows]

    async def tidy(self, older_than: timedelta) -> int:
        """Delete what is older; gives how many mentions that were."""
        before = datetime.now(UTC) - older_than
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(interactions).where(interactions.c.since < before))
            return (await connection.execute(delete(mentions).where(mentions.c.since < before))).rowcount
