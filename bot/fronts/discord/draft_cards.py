"""Draft cards: one message per draft that waits for approval, in the channel chosen for it, followed to its end.

The store says which drafts wait and which message shows each; a message that an earlier process posted without
noting it is found by its buttons. So a draft is shown once, whatever happens to the bot.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import discord
import structlog
from discord.ext import tasks

from bot.fronts.discord import draft_text
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.draft_buttons import buttons_of, mark_of
from bot.fronts.discord.names import number_of
from bot.fronts.discord.sending import GONE, passes, persistently
from bot.fronts.discord.speech import QUIET
from data.store import Draft
from data.store.draft import ENDED

POLL_SECONDS = 1.0
REST_SECONDS = 600.0  # before a card that could not be shown is tried again: somebody may let the bot in
SHORT_REST_SECONDS = 10.0  # where Discord itself was in trouble
LOOKED_THROUGH = 200  # newest messages of the channel, among which a card is looked for
CLOCKS = timedelta(minutes=5)  # by which Discord's clock and ours may differ

log = structlog.get_logger()


@dataclass
class _Card:
    """A draft, and what this process knows of its message."""

    draft: Draft
    content: str = ""  # as it was shown last; empty: whatever an earlier process wrote
    rests_until: float = 0.0  # `time.monotonic()`
    told: bool = False  # the log knows that it can't be shown


class DraftCards:
    """Keeps every draft's card up to date. `poll` is seconds between looks at the store."""

    def __init__(self, client: discord.Client, backend: Backend, *, poll: float = POLL_SECONDS) -> None:
        self._client = client
        self._backend = backend
        self._poll = poll
        self._cards: dict[int, _Card] = {}  # by the draft's number
        self._at_work: dict[int, asyncio.Task[None]] = {}  # so that a slow channel holds no other up

    async def watch(self) -> None:
        """Until cancelled."""
        await self._client.wait_until_ready()
        looking = tasks.loop(seconds=self._poll)(self._look)
        try:
            await looking.start()
        finally:
            looking.cancel()
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def _look(self) -> None:
        try:
            await self._turn()
        except Exception:  # the edge of this work: a store out of reach must not end it
            log.exception("could not look after the draft cards")

    async def _turn(self) -> None:
        """Start what is due for each card that nothing is done with right now."""
        busy = set(self._at_work)  # before the store is read: what changes meanwhile still looks as before in it
        backend = self._backend
        drafts = {draft.id: draft for draft in await backend.store.drafts.on_cards() if draft.id not in busy}
        schedules = {schedule.id: schedule for schedule in await backend.store.schedules.all()} if drafts else {}
        for number in self._cards.keys() - drafts.keys() - busy:
            card = self._cards[number]
            if card.draft.message:
                self._start(card, self._take_down(card))
            else:
                del self._cards[number]  # decided elsewhere before it was shown
        for number, draft in drafts.items():
            card = self._cards.setdefault(number, _Card(draft))
            card.draft = draft
            schedule = schedules.get(draft.schedule_id or 0)
            content = draft_text.card(draft, schedule, backend.settings, backend.platforms)
            if content != card.content and time.monotonic() >= card.rests_until:
                self._start(card, (self._edit if draft.message else self._post)(card, content))

    def _start(self, card: _Card, work: Coroutine[Any, Any, None]) -> None:
        number = card.draft.id
        task = asyncio.create_task(self._guard(card, work), name=f"card of draft {number}")
        self._at_work[number] = task
        task.add_done_callback(lambda _: self._at_work.pop(number))

    async def _guard(self, card: _Card, work: Coroutine[Any, Any, None]) -> None:
        """Whatever goes wrong with one card concerns no other, nor its draft, which stays in the queue."""
        try:
            await work
        except Exception as error:  # the edge of what one card may break
            level = logging.INFO if card.told else logging.WARNING
            expected = isinstance(error, GONE) or passes(error)
            log.log(
                level if expected else logging.ERROR,
                "a draft can't be shown on Discord; `mynah autopost queue` has it",
                draft=card.draft.id,
                channel=card.draft.channel,
                why=str(error),
                exc_info=None if expected else error,
            )
            rest = SHORT_REST_SECONDS if passes(error) else REST_SECONDS
            card.told, card.rests_until = True, time.monotonic() + rest

    async def _post(self, card: _Card, content: str) -> None:
        draft = card.draft
        channel = self._client.get_partial_messageable(number_of(draft.channel))
        message = await persistently(lambda: self._there(channel, draft))
        if message is None:
            # The nonce: Discord posts it once, even where its answer is lost and asked for again.
            send = partial(channel.send, content, allowed_mentions=QUIET, nonce=f"draft {draft.id}")
            view = buttons_of(draft)
            assert view is not None  # only what waits for approval is posted
            message = await persistently(partial(send, view=view))
            card.content = content
        await self._backend.store.drafts.show(draft.id, str(message.id))

    async def _there(self, channel: discord.PartialMessageable, draft: Draft) -> discord.Message | None:
        """The card, where an earlier process ended between posting and noting it, or an answer was lost."""
        recent = channel.history(limit=LOOKED_THROUGH, after=draft.since - CLOCKS, oldest_first=False)
        async for message in recent:
            buttons = (button for row in message.components for button in getattr(row, "children", ()))
            if message.author == self._client.user and any(
                getattr(button, "custom_id", None) == mark_of(draft.id) for button in buttons
            ):
                return message
        return None

    async def _edit(self, card: _Card, content: str) -> None:
        draft = card.draft
        try:
            await self._change(draft, content, buttons_of(draft))
        except GONE as error:
            if draft.state not in ENDED:
                raise
            log.info("the card of a draft is gone", draft=draft.id, why=str(error))
        card.content = content
        if draft.state in ENDED:
            await self._backend.store.drafts.show(draft.id, "")
            del self._cards[draft.id]

    async def _take_down(self, card: _Card) -> None:
        """The draft was erased: so is what its card showed."""
        del self._cards[card.draft.id]
        await self._change(card.draft, draft_text.erased(card.draft.id), None)

    async def _change(self, draft: Draft, content: str, view: discord.ui.View | None) -> None:
        channel = self._client.get_partial_messageable(number_of(draft.channel))
        message = channel.get_partial_message(int(draft.message))
        await persistently(partial(message.edit, content=content, view=view, allowed_mentions=QUIET))
