"""The bot on X and Bluesky: scheduled posts and answered mentions, side by side until cancelled."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from bot.autopost.label import account_settings
from bot.autopost.serving import Autoposting
from bot.catalogue import Catalogue
from bot.fronts.social.pace import Pace
from bot.fronts.social.persistence import persistently
from bot.fronts.social.summons import SummonsDesk
from bot.fronts.social.watched import WatchedPlatform
from bot.governor import Governor
from bot.imitator import Imitator
from bot.platforms import Platform
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Store

ROUND_SECONDS = 60.0  # between two times of tidying up

log = structlog.get_logger()


async def serve(
    platforms: Mapping[str, WatchedPlatform],
    settings: Settings,
    store: Store,
    imitator: Imitator,
    governor: Governor,
) -> None:
    """Until cancelled. What goes wrong on one platform is logged, and tried again; it ends nothing."""
    seam: dict[str, Platform] = {**platforms}
    autoposting = Autoposting(store, settings, imitator, Catalogue(store, settings), seam)
    async with asyncio.TaskGroup() as group:
        group.create_task(autoposting.serve(), name="autopost")
        group.create_task(_keep_house(settings, store, imitator), name="keep house")
        for name, platform in platforms.items():
            work = _serve_account(platform, settings, store, governor, autoposting)
            group.create_task(work, name=f"account on {name}")


async def _serve_account(
    platform: WatchedPlatform, settings: Settings, store: Store, governor: Governor, autoposting: Autoposting
) -> None:
    """Find out whose keys these are, then look for mentions again and again, where they are to be answered."""
    name, of_platform = PLATFORMS[platform.name], account_settings(settings, platform.name)
    account = await persistently(f"signing in to {name}", platform.account)
    log.info(f"signed in to {name}", handle=account.handle)
    if not of_platform.answer_mentions:
        return
    desk = SummonsDesk(platform, account.id, of_platform, settings, store)
    pace = Pace(platform, of_platform.poll_seconds, settings, store, governor)

    async def look() -> float:
        if await desk.look():
            autoposting.wake()
        return await pace.seconds()

    while True:
        wait = await persistently(f"looking for mentions on {name}", look)
        await asyncio.sleep(wait)


async def _keep_house(settings: Settings, store: Store, imitator: Imitator) -> None:
    """Let go of voices that were erased, and of who asked what once it is older than the settings say."""
    age = timedelta(days=settings.discord.keep_days)

    async def once() -> None:
        known = imitator.known
        imitator.forget(known - await store.voices.there(known))
        await store.drafts.tidy(age)
        await store.replies.tidy(age)

    while True:
        await persistently("tidying up", once)
        await asyncio.sleep(ROUND_SECONDS)
