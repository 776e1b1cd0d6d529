"""A platform as health checks and metrics see it: whether the last call went well, what became of each post."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime

from bot.metrics import Metrics
from bot.platforms import (
    Account,
    DuplicateError,
    Heard,
    NoAccountError,
    NotDoneError,
    Page,
    Platform,
    PlatformError,
    Quote,
    TurnedDownError,
    UnclearError,
)

OUTCOMES: dict[type[PlatformError], str] = {
    NotDoneError: "not done",
    UnclearError: "unclear",
    TurnedDownError: "turned down",
    DuplicateError: "duplicate",
}


class WatchedPlatform:
    """Passes every call on to a platform, and takes note of how it went."""

    def __init__(self, platform: Platform, metrics: Metrics) -> None:
        self._platform = platform
        self._metrics = metrics
        self.name = platform.name
        self.longest = platform.longest
        self.connected = False

    def measure(self, metrics: Metrics) -> None:
        """Set the platform's gauge to what is true now."""
        metrics.platform_connected.labels(self.name).set(self.connected)

    def length(self, text: str) -> int:
        return self._platform.length(text)

    def links(self, text: str) -> bool:
        return self._platform.links(text)

    async def account(self) -> Account:
        with self._watched():
            return await self._platform.account()

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        try:
            with self._watched():
                published = await self._platform.publish(text, purpose=purpose, reply_to=reply_to)
        except PlatformError as error:
            self._count(OUTCOMES.get(type(error), "failed"))
            raise
        self._count("posted", reply_to)
        return published

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        with self._watched():
            found = await self._platform.find(text, purpose=purpose, since=since, reply_to=reply_to)
        if found is not None:
            self._count("found", reply_to)
        return found

    async def heard(self, position: str) -> Heard:
        with self._watched():
            return await self._platform.heard(position)

    async def look_up(self, handle: str) -> Account:
        with self._watched():
            return await self._platform.look_up(handle)

    async def quote(self, account: Account, *, known: int) -> Quote:
        return await self._platform.quote(account, known=known)

    def timeline(self, account: Account, *, newer_than: str = "", older_than: str = "") -> AsyncIterator[Page]:
        return self._platform.timeline(account, newer_than=newer_than, older_than=older_than)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (DuplicateError, NoAccountError):  # an answer like any other
            self.connected = True
            raise
        except PlatformError:
            self.connected = False
            raise
        self.connected = True

    def _count(self, outcome: str, reply_to: str = "") -> None:
        self._metrics.posts.labels(self.name, outcome).inc()
        if reply_to:
            self._metrics.replies.labels(self.name).inc()
