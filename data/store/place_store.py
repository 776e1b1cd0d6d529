"""How the places where people meet the bot are set up: a server's settings, and the voice of each channel.

A place is a server or a direct conversation, a channel one of its rooms; both are named with their platform.
"""

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, select

from data.store.database import Database, upsert_into
from data.store.tables import channels, places

Filter = Literal["off", "standard", "strict"]


@dataclass(frozen=True)
class PlaceSettings:
    """What those who run a place have decided; each default is what holds where they decided nothing."""

    channels: tuple[str, ...] = ()  # where the bot may speak; none means everywhere
    default_voice: str = ""  # by name; spoken where a channel has none of its own
    trainers: tuple[str, ...] = ()  # roles that may train, besides those who run the place
    block_list: tuple[str, ...] = ()  # words never said here
    personas: bool = False  # whether voices speak through a webhook under their own name, marked as AI parody
    filter: Filter = "standard"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "PlaceSettings":
        """Settings that a newer or older version wrote and this one does not know are left out."""
        known = {part.name for part in fields(cls)}
        kept: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name in known
        }
        return cls(**kept)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ChannelVoice:
    """The voice that answers mentions in a channel, by name: a newer voice of that name takes over by itself."""

    channel: str
    place: str
    voice: str
    person: str  # who called it in
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


class PlaceStore:
    """Reached as `store.places`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, place: str) -> PlaceSettings:
        """The defaults where nobody has decided anything."""
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(places.c.settings).where(places.c.place == place))).first()
            return PlaceSettings.from_json(row.settings) if row else PlaceSettings()

    async def change(self, place: str, **changes: Any) -> PlaceSettings:
        """Change some settings and return all; two who change different ones at once both have their way."""
        async with self._database.writer.begin() as connection:
            row = (await connection.execute(select(places.c.settings).where(places.c.place == place))).first()
            changed = PlaceSettings.from_json({**(row.settings if row else {}), **changes})
            statement = upsert_into(connection, places).values(place=place, settings=changed.to_json())
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[places.c.place], set_={"settings": changed.to_json()}
                )
            )
        return changed

    async def voice_of(self, channel: str) -> ChannelVoice | None:
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(channels).where(channels.c.channel == channel))).first()
            return ChannelVoice(**row._mapping) if row else None

    async def set_voice(self, voice: ChannelVoice) -> None:
        """Replaces the channel's earlier one."""
        values = {part.name: getattr(voice, part.name) for part in fields(voice)}
        async with self._database.writer.begin() as connection:
            statement = upsert_into(connection, channels).values(values)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[channels.c.channel], set_=values)
            )

    async def leave(self, place: str) -> None:
        """The bot was removed from the place: what was set up there goes."""
        async with self._database.writer.begin() as connection:
            await connection.execute(delete(channels).where(channels.c.place == place))
            await connection.execute(delete(places).where(places.c.place == place))
