"""What stands until it is changed: how far something was read, who is to be left alone, what was confirmed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from data.store.database import Database, upsert_into
from data.store.tables import confirmations, cursors, silences


class StandingStore:
    """Reached as `store.standing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursor(self, name: str) -> Any:
        """What was put there last, as JSON has it; None where nothing was."""
        async with self._database.engine.connect() as connection:
            return await connection.scalar(select(cursors.c.value).where(cursors.c.name == name))

    async def cursors(self, prefix: str) -> dict[str, Any]:
        """Those whose names begin so, by name."""
        query = select(cursors).where(cursors.c.name.startswith(prefix, autoescape=True)).order_by(cursors.c.name)
        async with self._database.engine.connect() as connection:
            return {row.name: row.value for row in await connection.execute(query)}

    async def move(self, name: str, value: Any) -> None:
        async with self._database.writer.begin() as connection:
            await move_cursor(connection, name, value)

    async def advance(self, name: str, value: Any) -> bool:
        """Move it only if that leads on, as Python compares; False where it stood there, or further, already."""
        async with self._database.writer.begin() as connection:
            standing = await connection.scalar(select(cursors.c.value).where(cursors.c.name == name))
            if standing is not None and standing >= value:
                return False
            await move_cursor(connection, name, value)
            return True

    async def drop(self, name: str) -> None:
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(cursors).where(cursors.c.name == name))

    async def silence(self, person: str) -> None:
        """Never answer this person ("x:123") again."""
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, silences).values(person=person, since=datetime.now(UTC))
            await connection.execute(statement.on_conflict_do_nothing())

    async def silent(self, person: str) -> bool:
        async with self._database.engine.connect() as connection:
            return (
                await connection.scalar(select(silences.c.person).where(silences.c.person == person)) is not None
            )

    async def silenced(self) -> dict[str, datetime]:
        """Everybody who asked for silence, and since when."""
        async with self._database.engine.connect() as connection:
            rows = await connection.execute(select(silences).order_by(silences.c.since))
            return {row.person: row.since for row in rows}

    async def lift_silence(self, person: str) -> bool:
        """The operator's to do, where the person asked for it; False where they were not silenced."""
        async with self._database.writer.begin() as connection:
            return bool((await connection.execute(delete(silences).where(silences.c.person == person))).rowcount)

    async def confirm(self, subject: str, person: str) -> None:
        """Somebody takes responsibility for a subject such as "x rules"."""
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, confirmations).values(
                subject=subject, person=person, since=datetime.now(UTC)
            )
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[confirmations.c.subject],
                    set_={"person": statement.excluded["person"], "since": statement.excluded["since"]},
                )
            )

    async def confirmed(self, subject: str) -> tuple[str, datetime] | None:
        """By whom and when; None where nobody did."""
        async with self._database.engine.connect() as connection:
            row = (
                await connection.execute(select(confirmations).where(confirmations.c.subject == subject))
            ).first()
            return (row.person, row.since) if row else None

    async def revoke(self, subject: str) -> None:
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(confirmations).where(confirmations.c.subject == subject))


async def move_cursor(connection: AsyncConnection, name: str, value: Any) -> None:
    """Within somebody's transaction."""
    statement = upsert_into(connection, cursors).values(name=name, value=value, changed_at=datetime.now(UTC))
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[cursors.c.name],
            set_={"value": statement.excluded["value"], "changed_at": statement.excluded["changed_at"]},
        )
    )
