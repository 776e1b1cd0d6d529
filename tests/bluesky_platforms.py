"""BlueskyPlatform on the small Bluesky, with a governor and a store of its own, for every test of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.governor import Governor
from bot.platforms.bluesky.platform import BlueskyPlatform
from data.settings import BlueskySettings, Settings
from data.store import open_store
from tests.bluesky_server import BlueskyServer


def settings_for(server: BlueskyServer, home: Path, *, dry_run: bool = False, **of_bluesky: Any) -> Settings:
    """Of the bot's account there; calls count as lost after a second."""
    account = {
        "handle": server.bot.handle,
        "app_password": server.bot.app_password,
        "service": server.origin,
        "public_api": server.public_origin,
        "timeout_seconds": 2.0,
    }
    bluesky = BlueskySettings(**{**account, **of_bluesky})
    return Settings(home=home, dry_run=dry_run, bluesky=bluesky, _env_file=None)


@asynccontextmanager
async def open_bluesky(
    server: BlueskyServer, home: Path, *, dry_run: bool = False, **of_bluesky: Any
) -> AsyncIterator[BlueskyPlatform]:
    """One process's platform; several with the same home share their books."""
    settings = settings_for(server, home, dry_run=dry_run, **of_bluesky)
    async with (
        open_store(settings.database) as store,
        BlueskyPlatform(settings.bluesky, Governor(store, settings)) as platform,
    ):
        yield platform
