"""Bluesky as a platform: one account of the bot's, and everybody's public posts. Nothing here costs money."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from bot.governor import Governor, Outlay
from bot.platforms import Account, Heard, Page, Quote
from bot.platforms.bluesky.hearing import Hearing
from bot.platforms.bluesky.posting import Posting
from bot.platforms.bluesky.reading import Reading, account_of
from bot.platforms.bluesky.text import LONGEST, length
from bot.platforms.bluesky.wire import PLATFORM, Wire
from data.settings import BlueskySettings

LATEST = 60.0  # minutes that a mention may take to appear; all of so long ago are listed anew at each look


class BlueskyPlatform:
    """Fulfils `Platform`; to be entered before it is used."""

    name = PLATFORM
    longest = LONGEST

    def __init__(self, settings: BlueskySettings, governor: Governor) -> None:
        self._settings = settings
        self._wire = Wire(settings, governor)
        self._posting = Posting(self._wire, governor, settings.languages)
        self._hearing = Hearing(self._wire, timedelta(minutes=min(settings.mention_minutes, LATEST)))
        self._reading = Reading(self._wire, governor)
        self._account: Account | None = None

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.__aexit__(kind, error, trace)

    def length(self, text: str) -> int:
        return length(text)

    def links(self, text: str) -> bool:
        return False  # only what a post marks as one

    async def account(self) -> Account:
        if self._account is None:
            profile = await self._wire.ask(
                Outlay(PLATFORM, "own account", "user read"),
                "app.bsky.actor.getProfile",
                {"actor": await self._wire.did()},
                ids=lambda profile: [profile.did],
            )
            self._account = account_of(profile, self._settings.handle)
        return self._account

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        return await self._posting.publish(text, purpose, reply_to)

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        return await self._posting.find(text, purpose, reply_to)

    async def heard(self, position: str) -> Heard:
        return await self._hearing.heard(position, await self.account())

    async def look_up(self, handle: str) -> Account:
        return await self._reading.look_up(handle)

    async def quote(self, account: Account, *, known: int) -> Quote:
        return await self._reading.quote(account, known)

    def timeline(self, account: Account, *, newer_than: str = "", older_than: str = "") -> AsyncIterator[Page]:
        return self._reading.timeline(account, newer_than, older_than)
