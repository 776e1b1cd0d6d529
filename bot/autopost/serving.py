"""Autoposting as a whole: the clock, the writer and a publisher for each platform, at work side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from bot.autopost.checklist import refuse_unconfirmed
from bot.autopost.clock import Clock
from bot.autopost.publishing import Publisher
from bot.autopost.writing import DraftWriter
from bot.catalogue import Catalogue
from bot.faults import new_reference
from bot.imitator import Imitator
from bot.platforms import Platform
from data.errors import NotFoundError
from data.settings import Settings
from data.store import Draft, Store
from data.store.draft import ENDED

POLL_SECONDS = 1.0  # how soon what another process entered or approved is seen
LONGEST_WAIT = 180.0  # seconds, for a single post

log = structlog.get_logger()


class Autoposting:
    """`serve` it beside the fronts, or drive a single draft to its end with `once`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        imitator: Imitator,
        catalogue: Catalogue,
        platforms: Mapping[str, Platform],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._writer = DraftWriter(store, settings, imitator, catalogue, platforms)
        self._publishers = {
            name: Publisher(store, settings, catalogue, platform) for name, platform in platforms.items()
        }
        self._clock = Clock(store, settings, catalogue, on_due=self.wake)
        self._news: list[asyncio.Event] = []

    def wake(self) -> None:
        """There is something to do: a draft was entered or approved. Without this it is seen a little later."""
        for event in self._news:
            event.set()

    async def serve(self) -> None:
        """Until cancelled. What goes wrong on the way is logged and ends nothing."""
        async with self._clock, asyncio.TaskGroup() as group:
            group.create_task(self._again_and_again(self._write), name="write drafts")
            for name, publisher in self._publishers.items():
                group.create_task(self._again_and_again(publisher.step), name=f"post on {name}")

    async def once(self, draft: Draft, *, patience: float = LONGEST_WAIT) -> Draft:
        """Bring one draft out, here and now; gives it as it then stands.

        That is its end, unless it waits for approval, has to rest, or takes longer than the patience in seconds:
        then the bot goes on with it where it runs. Raises MynahError where it can't be brought out.
        """
        await refuse_unconfirmed(self._store, draft.platform)
        publisher = self._publishers[draft.platform]
        give_up_at = datetime.now(UTC) + timedelta(seconds=patience)
        while True:
            await self._store.drafts.abandoned(draft.platform)
            current = await self._store.drafts.get(draft.id)
            if current is None:
                raise NotFoundError("The draft was erased before it went out.")
            draft, now = current, datetime.now(UTC)
            if draft.state in (*ENDED, "draft") or max(draft.not_before, now) > give_up_at:
                return draft
            if draft.state == "due":
                await self._writer.write(draft)
                continue
            if draft.state == "approved" and await publisher.send(draft.id):
                continue
            if draft.state == "unknown":
                await publisher.look(draft)
            await asyncio.sleep(self._poll_seconds)

    async def _write(self) -> bool:
        if written := await self._writer.write_due():
            self.wake()
        return bool(written)

    async def _again_and_again(self, work: Callable[[], Awaitable[bool]]) -> None:
        """While it finds work; then when there is news, or after a while."""
        news = asyncio.Event()
        self._news.append(news)
        while True:
            news.clear()
            try:
                busy = await work()
            except Exception as error:  # the edge of what one round may break, such as a database that is busy
                log.error("autoposting met a fault", reference=new_reference(), exc_info=error)
                busy = False
            if not busy:
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await news.wait()
                except TimeoutError:
                    pass
