"""Run cards: one ordinary message per wish that shows the run's place, its progress, at last the finished voice.

Ordinary, because what answers an interaction can be edited for 15 minutes only. What a card is about lies in the
store, so that a client that is started anew goes on with it.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import discord
import structlog
from discord.ext import tasks

from bot.faults import new_reference
from bot.fronts.discord import card_text
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.card_ends import End, end_of
from bot.fronts.discord.names import channel_of, number_of, person_of, place_of
from bot.fronts.discord.sending import GONE, passes, persistently
from bot.fronts.discord.speech import QUIET
from bot.training import TRAINER_IS_ALIVE_SECONDS
from data.errors import MynahError
from data.store import Card, ChannelVoice, Run

POLL_SECONDS = 1.0
EDIT_SECONDS = 5.0  # Discord takes about 5 edits in 5 s for a whole channel, and other cards may stand there

log = structlog.get_logger()


async def announce(interaction: Interaction, run: Run, say: str = "") -> Card:
    """Post the card of a run for whoever asked: here, or by direct message where the bot may not write here.

    `say` is what the voice is to answer when it is ready. Raises MynahError where no card can be posted; the run
    goes on all the same.
    """
    store = backend_of(interaction.client).store
    trainers = await store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS)
    text = card_text.under_way(run, await store.runs.place(run.id), trainers)
    add = partial(
        store.cards.add, run.id, place=place_of(interaction), person=person_of(interaction.user), say=say
    )
    try:
        message = await _post(interaction, text)
    except (discord.HTTPException, aiohttp.ClientError, OSError, KeyError) as error:
        log.info("no card", run=run.id, why=str(error))
        await add(channel="", message="", closed=True)  # it counts towards the quota all the same
        raise MynahError(
            f"Run {run.id} is on its way, but I can post its progress neither here nor in a direct message to "
            "you; `/voice status` shows it."
        ) from None
    return await add(channel=channel_of(message.channel), message=str(message.id))


def link_to(interaction: Interaction, card: Card) -> str:
    """Leads whoever caused the interaction to the card that was announced for it."""
    channel = number_of(card.channel)
    server = interaction.guild_id if channel == interaction.channel_id else None
    return f"https://discord.com/channels/{server or '@me'}/{channel}/{card.message}"


async def _post(interaction: Interaction, text: str) -> discord.Message:
    # The nonce: Discord posts it once, even where its answer is lost and asked for again.
    parts: dict[str, Any] = {"allowed_mentions": QUIET, "nonce": interaction.id}
    if isinstance(interaction.channel, discord.abc.Messageable):
        try:
            return await persistently(partial(interaction.channel.send, text, **parts))
        except GONE:
            pass  # somebody else's server, or a channel in which the bot may not write
    return await persistently(partial(interaction.user.send, text, **parts))


@dataclass
class _Known:
    """A card, and what this process knows of its message; times are `time.monotonic()`."""

    card: Card
    edited: float
    text: str = ""  # empty: whatever an earlier process wrote
    end: End | None = None
    broken: bool = False  # a fault of the program has ended it

    @classmethod
    def of(cls, card: Card) -> "_Known":
        return cls(card, time.monotonic() - (datetime.now(UTC) - card.since).total_seconds())


class RunCards:
    """Keeps every open card up to date. `poll` and `pace` are seconds: between looks, between a card's edits."""

    def __init__(
        self,
        client: discord.Client,
        backend: Backend,
        *,
        poll: float = POLL_SECONDS,
        pace: float = EDIT_SECONDS,
    ) -> None:
        self._client = client
        self._backend = backend
        self._poll = poll
        self._pace = pace
        self._known: dict[int, _Known] = {}  # by the card's number
        self._at_work: dict[int, asyncio.Task[None]] = {}  # so that a slow channel holds no other up

    async def watch(self) -> None:
        """Until cancelled."""
        await self._client.wait_until_ready()  # channels are known from then on
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
            log.exception("could not look after the run cards")

    async def _turn(self) -> None:
        """Start what is due for each card that nothing is done with right now."""
        busy = set(self._at_work)  # before the store is read: what is closed meanwhile still looks open in it
        store = self._backend.store
        cards = {card.id: card for card in await store.cards.open() if card.id not in busy}
        runs = {run_id: await store.runs.get(run_id) for run_id in {card.run_id for card in cards.values()}}
        places = {run.id: await store.runs.place(run.id) for run in runs.values() if run and not run.finished_at}
        trainers = await store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS) if places else 0
        for number in self._known.keys() - cards.keys() - busy:
            self._start(self._known[number], self._erase(self._known[number]))
        for number, card in cards.items():
            known, run = self._known.setdefault(number, _Known.of(card)), runs[card.run_id]
            if known.end is not None or run is None or run.finished_at:
                self._start(known, self._finish(known, run))
            elif time.monotonic() >= known.edited + self._pace:
                text = card_text.under_way(run, places[run.id], trainers)
                if text != known.text:
                    self._start(known, self._edit(known, text))

    def _start(self, known: _Known, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(self._guard(known, work), name=f"card {known.card.id}")
        self._at_work[known.card.id] = task
        task.add_done_callback(partial(self._ended, known.card.id))

    def _ended(self, number: int, task: "asyncio.Task[None]") -> None:
        del self._at_work[number]
        if not task.cancelled() and task.exception() is not None:
            log.error("could not give a card up", card=number, exc_info=task.exception())

    async def _guard(self, known: _Known, work: Coroutine[Any, Any, Any]) -> None:
        """Whatever goes wrong with one card concerns no other: it ends in a sentence, or else in the log only."""
        try:
            await work
        except Exception:  # the edge of what one card may break
            reference = new_reference()
            log.exception("fault", reference=reference, card=known.card.id, run=known.card.run_id)
            if known.broken:
                await self._close(known)
            known.broken, known.end = True, End(card_text.broken(known.card.run_id, reference))

    async def _finish(self, known: _Known, run: Run | None) -> None:
        """Show the end and close the card, once; what the voice says is asked for once, however often shown."""
        card = known.card
        if known.end is None or run is None:  # a run may be erased while its end waits to be shown
            known.end = await end_of(self._backend, self._client, card, run)
        if not await self._edit(known, known.end.text, known.end.plot):
            return
        if known.end.voice:
            channel = self._client.get_channel(number_of(card.channel))
            # A card that went to somebody's direct messages because it could not stand where it was asked for.
            place = card.place if getattr(channel, "guild", None) else card.channel
            await self._backend.store.places.set_voice(
                ChannelVoice(card.channel, place, known.end.voice, card.person)
            )
        await self._close(known)

    async def _erase(self, known: _Known) -> None:
        """The card's row is gone: with its run, or with all that was kept about who asked."""
        run_id = known.card.run_id
        there = await self._backend.store.runs.get(run_id) is not None
        if await self._edit(known, card_text.let_go(run_id) if there else card_text.erased(run_id)):
            await self._close(known)

    async def _edit(self, known: _Known, text: str, plot: bytes = b"") -> bool:
        """False where it did not work: the next turn tries again, or the message is gone and the card closed."""
        card = known.card
        message = self._client.get_partial_messageable(number_of(card.channel)).get_partial_message(
            int(card.message)
        )
        try:
            await message.edit(content=text, allowed_mentions=QUIET, attachments=card_text.files(plot))
        except GONE as error:
            if plot:  # perhaps files are all that is forbidden here
                return await self._edit(known, text)
            log.info("card is gone", card=card.id, run=card.run_id, why=str(error))
            await self._close(known)
            return False
        except Exception as error:
            if not passes(error):
                raise
            log.warning("could not edit a card", card=card.id, run=card.run_id, why=str(error))
            return False
        known.text, known.edited = text, time.monotonic()
        return True

    async def _close(self, known: _Known) -> None:
        await self._backend.store.cards.close(known.card.id)
        self._known.pop(known.card.id, None)
