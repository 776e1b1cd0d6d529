"""Opens the platforms that are set up, and closes them again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bot.governor import Governor
from bot.platforms import Platform
from data.settings import Settings


@asynccontextmanager
async def open_platforms(settings: Settings, governor: Governor) -> AsyncIterator[dict[str, Platform]]:
    """Those with keys, by name. Nothing is asked of them yet, so wrong keys are found at the first call."""
    platforms: dict[str, Platform] = {}
    async with AsyncExitStack() as stack:
        # Their libraries take long to load, so only those that are used are.
        if settings.x.ready:
            from bot.platforms.x.platform import XPlatform

            platforms["x"] = await stack.enter_async_context(XPlatform(settings.x, governor))
        if settings.bluesky.ready:
            from bot.platforms.bluesky.platform import BlueskyPlatform

            platforms["bluesky"] = await stack.enter_async_context(BlueskyPlatform(settings.bluesky, governor))
        yield platforms
