"""Finished voices, as the rest of the program finds them; their weights lie in folders named by the key."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, select

from data.store.database import Database, upsert_into
from data.store.tables import voices


@dataclass(frozen=True)
class VoiceRow:
    """A voice's place in the store. Losses are nats per token on held-out posts; `record` is `voice.json`."""

    key: str
    name: str
    handles: tuple[str, ...]
    base: str
    held_out_loss_before: float
    held_out_loss: float
    record: dict[str, Any]
    created_at: datetime  # aware, UTC

    @classmethod
    def from_row(cls, row: Row[Any]) -> "VoiceRow":
        return cls(**{**row._mapping, "handles": tuple(row.handles)})


class VoiceStore:
    """Reached as `store.voices`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        key: str,
        name: str,
        handles: Sequence[str],
        base: str,
        held_out_loss_before: float,
        held_out_loss: float,
        record: dict[str, Any],
    ) -> None:
        """Enter a voice, or replace the one of the same key."""
        values = {
            "key": key,
            "name": name,
            "handles": list(handles),
            "base": base,
            "held_out_loss_before": held_out_loss_before,
            "held_out_loss": held_out_loss,
            "record": record,
            "created_at": datetime.now(UTC),
        }
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, voices).values(values)
            await connection.execute(statement.on_conflict_do_update(index_elements=[voices.c.key], set_=values))

    async def get(self, key: str) -> VoiceRow | None:
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(voices).where(voices.c.key == key))).first()
            return VoiceRow.from_row(row) if row else None

    async def newest(self, name: str) -> VoiceRow | None:
        """The voice trained last under this name: as `data.posts.voice_name` has it."""
        query = select(voices).where(voices.c.name == name).order_by(voices.c.created_at.desc()).limit(1)
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(query)).first()
            return VoiceRow.from_row(row) if row else None

    async def all(self) -> list[VoiceRow]:
        """Every voice, by name, the newest of a name first."""
        query = select(voices).order_by(voices.c.name, voices.c.created_at.desc())
        async with self._database.engine.connect() as connection:
            return [VoiceRow.from_row(row) for row in await connection.execute(query)]

    async def names(self) -> dict[str, tuple[str, ...]]:
        """The handles of every voice, by its name; without the records, which take long to read."""
        query = select(voices.c.name, voices.c.handles).order_by(voices.c.name)
        async with self._database.engine.connect() as connection:
            return {name: tuple(handles) for name, handles in await connection.execute(query)}

    async def there(self, keys: Collection[str]) -> set[str]:
        """Of `keys`, those of voices that have not been removed."""
        query = select(voices.c.key).where(voices.c.key.in_(keys))
        async with self._database.engine.connect() as connection:
            return set(await connection.scalars(query))

    async def remove(self, key: str) -> bool:
        """False where there was none. What the voice said stays on record."""
        async with self._database.writer.begin() as connection:
            return (await connection.execute(delete(voices).where(voices.c.key == key))).rowcount > 0
