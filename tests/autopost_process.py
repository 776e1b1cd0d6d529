"""Autoposting over the X on loopback: for tests to build in their own process, and as one that can be killed.

`python -m tests.autopost_process` serves with the settings in its environment until every draft has come to its
end. With a number behind it, it is gone at that point: points are before and after each call of the store's and of
the platform's, and around the request itself.
"""

import asyncio
import inspect
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.autopost.checklist import subject
from bot.autopost.clock import Clock
from bot.autopost.publishing import Publisher
from bot.autopost.serving import Autoposting
from bot.autopost.writing import DraftWriter
from bot.catalogue import Catalogue
from bot.governor import Governor
from bot.imitator import Imitator
from bot.platforms.x.platform import XPlatform
from bot.shelf import VoiceShelf
from data.settings import AutopostSettings, Settings, SpendingSettings, XSettings
from data.store import Store, open_store
from tests.discord_fronts import BabblingEngine, store_voice
from tests.x_server import XServer
from trainer.engine import Engine

VOICE = "keeper"
PARTS = ("drafts", "schedules", "ledger", "standing", "consent", "voices", "replies")


class KilledError(BaseException):
    """The process is gone: nothing catches this, and nothing can be done after it."""


def die_for_good() -> None:
    os._exit(9)


class Points:
    """Counts points and dies at one of them, by number; from then on at every one."""

    def __init__(self, last: int | None = None, die: Callable[[], None] = die_for_good) -> None:
        self.passed: list[str] = []  # by the method's name
        self._last = last
        self._die = die

    def point(self, name: str) -> None:
        if self._last is not None and len(self.passed) >= self._last:
            self._die()
        self.passed.append(name)

    def around(self, owner: Any, *names: str) -> None:
        """Points before and after these methods of an object, or all of its own that wait."""
        for name in names or [name for name, _ in inspect.getmembers(type(owner), inspect.iscoroutinefunction)]:
            if names or not name.startswith("_"):
                setattr(owner, name, self._between(getattr(owner, name)))

    def _between(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def between(*given: Any, **named: Any) -> Any:
            self.point(method.__name__)
            result = await method(*given, **named)
            self.point(method.__name__)
            return result

        return between


def x_settings(server: XServer, **more: Any) -> XSettings:
    keys = server.keys
    values: dict[str, Any] = {
        "api_key": SecretStr(keys["consumer_key"]),
        "api_secret": SecretStr(keys["consumer_secret"]),
        "access_token": SecretStr(keys["access_token"]),
        "access_secret": SecretStr(keys["access_token_secret"]),
        "api_base": server.origin,
        "timeout_seconds": 2.0,
        "answer_mentions": True,
    }
    return XSettings(**values | more)


def settings_for(server: XServer, home: Path, *, x: dict[str, Any] | None = None, **more: Any) -> Settings:
    """With little rest, so that tests need not wait; `more` are sections of the settings, or their fields."""
    autopost = AutopostSettings(**{"settle_seconds": 0.01} | more.pop("autopost", {}))
    spending = SpendingSettings(**{"day_dollars": 5.0} | more.pop("spending", {}))
    return Settings(
        home=home, x=x_settings(server, **x or {}), autopost=autopost, spending=spending, _env_file=None, **more
    )


@dataclass(frozen=True)
class World:
    """Everything that autoposting is made of, over one store."""

    settings: Settings
    store: Store
    catalogue: Catalogue
    platform: XPlatform
    clock: Clock
    writer: DraftWriter
    publisher: Publisher
    autoposting: Autoposting

    async def work_until_ended(self) -> None:
        """One thing after the other, until every draft has come to its end."""
        while True:
            await self.clock.fire_due()
            await self.writer.write_due()
            await self.publisher.step()
            if not await unended(self.store):
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_world(
    settings: Settings, *, points: Points | None = None, engine: Engine | None = None
) -> AsyncIterator[World]:
    async with (
        open_store(settings.database) as store,
        VoiceShelf(engine or BabblingEngine(), 10) as shelf,
        XPlatform(settings.x, Governor(store, settings)) as platform,
    ):
        if points is not None:
            for part in PARTS:
                points.around(getattr(store, part))
            points.around(platform, "publish", "find")
            points.around(platform._client, "request")
        imitator, catalogue = Imitator(shelf, store, settings), Catalogue(store, settings)
        yield World(
            settings,
            store,
            catalogue,
            platform,
            Clock(store, settings, catalogue),
            DraftWriter(store, settings, imitator, catalogue, {"x": platform}),
            Publisher(store, settings, catalogue, platform),
            Autoposting(store, settings, imitator, catalogue, {"x": platform}, poll_seconds=0.02),
        )


async def prepare(store: Store, settings: Settings, *, posts: tuple[str, ...] = ()) -> None:
    """A voice that may speak, on a platform whose rules were confirmed."""
    await store_voice(store, settings, VOICE, posts=posts)
    await store.standing.confirm(subject("x"), "a test")


async def unended(store: Store) -> int:
    """How many drafts have not come to their end, with those that a schedule is about to enter."""
    now = datetime.now(UTC)
    due = [one for one in await store.schedules.all() if one.next_at is not None and one.next_at <= now]
    return len(due) + len(await store.drafts.in_state("due", "draft", "approved", "posting", "unknown"))


async def until_ended(store: Store, seconds: float = 60.0) -> None:
    """Wait for every draft to come to its end."""
    give_up_at = time.monotonic() + seconds
    while number := await unended(store):
        assert time.monotonic() < give_up_at, f"{number} drafts have not ended"
        await asyncio.sleep(0.02)


async def _serve(points: Points) -> None:
    settings = Settings(_env_file=None)
    async with open_world(settings, points=points) as world, open_store(settings.database) as watched:
        serving = asyncio.create_task(world.autoposting.serve())
        print("at work", flush=True)
        await until_ended(watched)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_serve(Points(int(sys.argv[1]) if len(sys.argv) > 1 else None)))
