"""X and Bluesky on loopback with our bot on them: real platforms, a real store, an engine that only babbles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.autopost.checklist import subject
from bot.fronts.social.serving import serve
from bot.fronts.social.watched import WatchedPlatform
from bot.governor import Governor
from bot.imitator import Imitator
from bot.metrics import Metrics
from bot.platforms import Platform
from bot.platforms.opening import open_platforms
from bot.shelf import VoiceShelf
from data.settings import AutopostSettings, BlueskySettings, Settings, XSettings
from data.store import Store, open_store
from tests.bluesky_server import BlueskyServer
from tests.discord_fronts import BabblingEngine, store_voice
from tests.processes import until
from tests.x_server import XServer

ANSWERING = {"answer_mentions": True, "voice": "keeper", "poll_seconds": 0.1}


@dataclass
class Site:
    """One platform's server: how to reach it, how somebody mentions the bot, and what was to be changed there."""

    name: str
    settings: dict[str, XSettings | BlueskySettings]
    mention: Callable[..., str]  # what is said; who says it, where that is not Anna
    writes: Callable[[], int]


@asynccontextmanager
async def x_site() -> AsyncIterator[Site]:
    async with XServer() as server:
        keys = server.credentials
        settings = XSettings(
            api_key=keys.consumer_key,
            api_secret=keys.consumer_secret,
            access_token=keys.access_token,
            access_secret=keys.access_token_secret,
            api_base=server.origin,
            **ANSWERING,
        )
        people = {name: server.add_account(name) for name in ("anna", "bert")}
        yield Site(
            "x",
            {"x": settings},
            lambda text, who="anna": str(server.mention(people[who], text).id),
            lambda: sum(call.method != "GET" for call in server.requests),
        )


@asynccontextmanager
async def bluesky_site() -> AsyncIterator[Site]:
    async with BlueskyServer() as server:
        settings = BlueskySettings(
            handle=server.bot.handle,
            app_password=server.bot.app_password,
            service=server.origin,
            public_api=server.public_origin,
            **ANSWERING,
        )
        people = {name: server.add_account(f"{name}.test") for name in ("anna", "bert")}
        yield Site(
            "bluesky",
            {"bluesky": settings},
            lambda text, who="anna": server.mention(people[who], text).uri,
            lambda: len(server.writes),
        )


SITES = {"x": x_site, "bluesky": bluesky_site}


@dataclass
class Bot:
    """All that stands behind the front of one platform."""

    settings: Settings
    store: Store
    imitator: Imitator
    governor: Governor
    platform: Platform

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """At work; the block begins when it is known where mentions begin that are to be answered."""
        name = self.platform.name
        platforms = {name: WatchedPlatform(self.platform, Metrics())}
        task = asyncio.create_task(serve(platforms, self.settings, self.store, self.imitator, self.governor))

        async def listening() -> bool:
            return await self.store.standing.cursor(f"mentions {name}") is not None

        try:
            await until(listening)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def bot_on(site: Site, home: Path, *, dry_run: bool) -> AsyncIterator[Bot]:
    settings = Settings(
        home=home, dry_run=dry_run, autopost=AutopostSettings(settle_seconds=0), _env_file=None, **site.settings
    )
    async with open_store(settings.database) as store, VoiceShelf(BabblingEngine(), 10) as shelf:
        await store_voice(store, settings, "keeper")
        await store.standing.confirm(subject(site.name), "operator")
        governor = Governor(store, settings)
        async with open_platforms(settings, governor) as platforms:
            imitator = Imitator(shelf, store, settings)
            yield Bot(settings, store, imitator, governor, platforms[site.name])
