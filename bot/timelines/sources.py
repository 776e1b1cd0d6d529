"""Which platforms timelines may be read from, in whose name, and the way there."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bot.governor import Governor
from bot.platforms import Platform
from data.errors import RefusedError
from data.settings import Settings

# What posts that were read there are recorded as, and by whose word, unless somebody says more.
SOURCES = {"x": "x-api", "bluesky": "bluesky"}
CONSENT = {
    "x": "the operator, who attests X's written permission",
    "bluesky": "the operator, who answers for the owner's consent",
}


def refuse_unpermitted(platform: str, settings: Settings) -> None:
    """Raises RefusedError where nothing may be learned from this platform, or its keys are missing."""
    if platform != "x":
        return
    if not settings.x.training_permitted:
        raise RefusedError(
            "X forbids training on what its API returns; if you have X's written permission, attest it with "
            "MYNAH_X__TRAINING_PERMITTED=true, or bring the owner's own archive, which needs none: "
            "`mynah import archive.zip`."
        )
    if not settings.x.ready:
        raise RefusedError(
            f"Reading on X takes the keys of an app and an account; set {', '.join(settings.x.missing)}."
        )


@asynccontextmanager
async def open_sources(
    names: Collection[str], settings: Settings, governor: Governor, opened: Mapping[str, Platform] | None = None
) -> AsyncIterator[dict[str, Platform]]:
    """The platforms of these names that may be read, by name; those `opened` already are used as they are.

    Bluesky is read without an account.
    """
    found = {name: platform for name, platform in (opened or {}).items() if name in names}
    async with AsyncExitStack() as stack:
        if "bluesky" in names and "bluesky" not in found:
            from bot.platforms.bluesky.platform import BlueskyPlatform  # atproto takes a second to import

            found["bluesky"] = await stack.enter_async_context(BlueskyPlatform(settings.bluesky, governor))
        if "x" in names and "x" not in found and settings.x.ready and settings.x.training_permitted:
            from bot.platforms.x.platform import XPlatform  # so does tweepy

            found["x"] = await stack.enter_async_context(XPlatform(settings.x, governor))
        yield found
