"""Brings approved drafts out on one platform, each exactly once, whatever dies or gets lost on the way.

A draft is marked as being posted before anything is sent. From then on the platform may have it: unless the answer
says for certain what became of it, it is looked for among the account's own posts, twice with time in between, as
an answer that got lost may still take effect. Only what is not found either time is sent again.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from bot.autopost.checklist import refuse_unconfirmed
from bot.autopost.label import account_settings, label_of
from bot.autopost.late import overdue
from bot.catalogue import Catalogue
from bot.faults import new_reference
from bot.governor import DryRunError
from bot.platforms import DuplicateError, NotDoneError, Platform, PlatformError, TurnedDownError, UnclearError
from data.errors import RefusedError
from data.posts import PLATFORMS, handles_in
from data.settings import Settings
from data.store import Draft, DraftState, Store

LOOKS = 2  # that find nothing, before it counts as not there
# In multiples of the platform's time for one call: what one of its methods may take, and for how long a draft is
# its sender's. The first fits twice into the second, so that nobody else takes up what is still being sent.
PATIENCE, LEASE = 2, 6
WITHOUT_BUDGET = timedelta(hours=1)  # until it is tried again
DRY_RUN = "dry run"  # why a draft was rejected that would have gone out
AFTER_FAULT = 60.0  # seconds until it is looked for again

log = structlog.get_logger()


@dataclass
class _Search:
    """For a draft that became unknown at `since`. Another process has its own, so that together they look more."""

    since: datetime
    next_at: float  # of the loop's clock
    fruitless: int = 0
    said_before: bool = False  # the platform refused the text as one that it has already


class Publisher:
    """`step` again and again; it does one thing at a time, so that it never looks for what it is sending."""

    def __init__(self, store: Store, settings: Settings, catalogue: Catalogue, platform: Platform) -> None:
        self._store = store
        self._settings = settings.autopost
        self._account = account_settings(settings, platform.name)
        self._catalogue = catalogue
        self._platform = platform
        self._searches: dict[int, _Search] = {}
        self._told = False

    async def step(self) -> bool:
        """Look for what may be there, then send one draft; False where there was none to send."""
        drafts, name = self._store.drafts, self._platform.name
        await drafts.abandoned(name)
        for draft in await drafts.in_state("unknown", platform=name):
            await self.look(draft)
        for draft in await drafts.in_state("approved", platform=name):
            if late := overdue(draft, self._account):
                await self._move(draft, late[0], late[1])
        return await self._may_post() and await self.send()

    async def send(self, number: int | None = None) -> bool:
        """Send the draft that has waited longest, or the one of that number; False where none has its turn."""
        lease = LEASE * self._account.timeout_seconds
        label = label_of(self._account)
        draft = await self._store.drafts.claim(self._platform.name, lease, label=label, number=number)
        if draft is None:
            return False
        with _survived(draft):
            if not draft.sent_before or await self._is_nowhere(draft):
                await self._publish(draft)
        return True

    async def look(self, draft: Draft) -> None:
        """Look for one that is unknown, where it is time to."""
        now = asyncio.get_running_loop().time()
        search = self._searches.get(draft.id)
        if search is None or search.since != draft.changed_at:
            search = self._searches[draft.id] = self._search(draft)
        if now < search.next_at:
            return
        search.next_at = now + AFTER_FAULT
        with _survived(draft):
            try:
                published = await self._find(draft)
            except (PlatformError, RefusedError) as error:
                log.info("could not look for a draft", draft=draft.id, why=str(error))
                search.next_at = now + self._rest_after(error)
                return
            if published is not None:
                await self._posted(draft, published)
                return
            search.next_at = now + self._settings.settle_seconds
            search.fruitless += 1
            if search.fruitless >= LOOKS:
                await self._not_there(draft, search)

    async def _publish(self, draft: Draft) -> None:
        if not await self._is_wanted(draft):
            return
        try:
            async with asyncio.timeout(PATIENCE * self._account.timeout_seconds):
                published = await self._platform.publish(
                    draft.sent, purpose=_purpose(draft), reply_to=draft.reply_to
                )
        except (PlatformError, RefusedError, TimeoutError) as error:
            await self._not_published(draft, error)
        else:
            await self._posted(draft, published)

    async def _is_wanted(self, draft: Draft) -> bool:
        """Asked right before sending, as minds may have changed since it was written, or claimed."""
        current = await self._store.drafts.get(draft.id)
        if current is None or (current.state, current.lease_until) != (draft.state, draft.lease_until):
            return False  # erased, or somebody else's by now
        try:
            await self._catalogue.refuse_kept_back(handles_in(draft.voice), "", "")
        except RefusedError as error:
            await self._move(draft, "rejected", str(error))
            return False
        if draft.reply_to and await self._store.standing.silent(draft.person):
            await self._move(draft, "rejected", "They asked for silence.")
            return False
        return True

    async def _not_published(self, draft: Draft, error: Exception) -> None:
        why = str(error) or f"{PLATFORMS[self._platform.name]} took too long to answer."
        now = datetime.now(UTC)
        match error:
            case DuplicateError():  # posted by somebody else before, or by this very draft an instant ago
                if moved := await self._move(draft, "unknown", why):
                    self._searches[draft.id] = replace(self._search(moved), said_before=True)
            case TurnedDownError():
                await self._move(draft, "failed", why)
            case NotDoneError():  # no attempt: what ends it is being late
                rest = timedelta(seconds=error.seconds)
                await self._move(draft, "approved", why, not_before=now + rest, attempts=draft.attempts - 1)
            case DryRunError():  # for good: many may have gathered by the time it is switched off
                await self._move(draft, "rejected", DRY_RUN)
            case RefusedError():  # nothing left the program, so it is as if it had not been its turn
                await self._move(
                    draft,
                    "approved",
                    why,
                    not_before=now + WITHOUT_BUDGET,
                    attempts=draft.attempts - 1,
                    sent_at=draft.sent_at if draft.sent_before else None,
                )
            case _:
                await self._move(draft, "unknown", why)

    async def _is_nowhere(self, draft: Draft) -> bool:
        """Whether one that is to be sent again does not stand there; where nobody can tell, it stays unknown."""
        try:
            published = await self._find(draft)
        except (PlatformError, RefusedError) as error:
            await self._move(draft, "unknown", str(error), attempts=draft.attempts - 1)
            return False
        if published is not None:
            await self._posted(draft, published)
        return published is None

    async def _find(self, draft: Draft) -> str | None:
        since = draft.sent_at or draft.since
        try:
            async with asyncio.timeout(PATIENCE * self._account.timeout_seconds):
                return await self._platform.find(
                    draft.sent, purpose=_purpose(draft), since=since, reply_to=draft.reply_to
                )
        except TimeoutError:
            raise UnclearError(f"{PLATFORMS[self._platform.name]} took too long to answer.") from None

    async def _not_there(self, draft: Draft, search: _Search) -> None:
        if search.said_before or draft.attempts >= self._settings.attempts:
            await self._move(draft, "failed", draft.error)
        else:
            await self._move(draft, "approved", draft.error, not_before=datetime.now(UTC))

    async def _posted(self, draft: Draft, published: str) -> None:
        # Whatever this one is thought to be meanwhile: its answer is certain.
        states: tuple[DraftState, ...] = ("posting", "unknown")
        await self._store.drafts.move(draft.id, states, "posted", published=published, error="")
        log.info("posted", draft=draft.id, platform=self._platform.name, post=published)

    async def _move(self, draft: Draft, to: DraftState, why: str, **values: Any) -> Draft | None:
        if to in ("failed", "rejected"):
            log.warning("a draft does not go out", draft=draft.id, state=to, why=why)
        return await self._store.drafts.move(draft.id, draft.state, to, error=why, **values)

    async def _may_post(self) -> bool:
        try:
            await refuse_unconfirmed(self._store, self._platform.name)
        except RefusedError as error:
            if not self._told:
                self._told = True
                log.warning("nothing is posted", platform=self._platform.name, why=str(error))
            return False
        self._told = False
        return True

    def _search(self, draft: Draft) -> _Search:
        settle = self._settings.settle_seconds
        passed = (datetime.now(UTC) - draft.changed_at).total_seconds()
        rest = min(settle, max(0.0, settle - passed))  # a clock that was put back must not make it wait for ever
        return _Search(draft.changed_at, asyncio.get_running_loop().time() + rest)

    def _rest_after(self, error: PlatformError | RefusedError) -> float:
        """Seconds until one that could not be looked for is looked for again."""
        match error:
            case NotDoneError():
                return error.seconds
            case RefusedError():
                return WITHOUT_BUDGET.total_seconds()
            case _:
                return self._settings.settle_seconds


def _purpose(draft: Draft) -> str:
    """For ever the same, and no other draft's, not even one of a database that was begun anew."""
    return f"draft {draft.id} of {draft.since:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def _survived(draft: Draft) -> Iterator[None]:
    """A fault at one draft stops none of the others; its row stays as it is and is taken up later."""
    try:
        yield
    except Exception as error:  # whatever a platform's library may raise
        log.error("a draft met a fault", draft=draft.id, reference=new_reference(), exc_info=error)
