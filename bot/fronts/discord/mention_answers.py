"""What is said to a mention: by which voice, in view of what was said before, and when silence is better."""

import time
from contextlib import suppress
from dataclasses import dataclass

import discord

from bot.fronts.discord.answers import BLOCKED
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.conversation import Conversations, asked_by
from bot.fronts.discord.names import channel_of, person_of, place_of
from bot.fronts.discord.permits import hurried, may_speak
from bot.fronts.discord.sending import TypingSigns
from bot.fronts.discord.speech import labelled
from bot.gates.filters import answers, block_lists
from bot.imitator import Occasion
from data.errors import NotFoundError, RefusedError
from data.store import PlaceSettings
from trainer.voice import Voice

LOOP_SECONDS = 3_600.0  # how long people are taken to know that a chain has come to its end
NO_VOICE = "No voice speaks here yet: choose one with `/imitate`, or begin your message with `as @handle`."
LONG_ENOUGH = "We have gone on like this for long enough; mention me in a new message to start over."


@dataclass(frozen=True)
class Answer:
    """What is said to a mention; an empty one is silence."""

    content: str = ""
    persona: Voice | None = None  # who says it under its own name, where the server wants that
    turns: int = 0  # of the bot in this chain of replies, this one counted; 0 where that is not known


class MentionAnswers:
    """Composes answers. What it keeps in memory only spares people repetitions and Discord questions."""

    def __init__(self, client: discord.Client, backend: Backend, typing: TypingSigns) -> None:
        self._client = client
        self._backend = backend
        self._typing = typing
        self._conversations = Conversations(backend.settings.discord.turns)
        self._told: dict[str, float] = {}  # who need not be told again before this `time.monotonic()`

    async def compose(self, message: discord.Message, *, again: bool) -> Answer | None:
        """None where the message is known and somebody sees to it; `again` takes over from one who did.

        Raises MynahError with the sentence to say instead.
        """
        settings = await self._backend.store.places.settings(place_of(message))
        if not may_speak(settings, message.channel):
            return Answer()
        person, channel = person_of(message.author), channel_of(message.channel)
        if not again:
            if not await self._backend.store.inbox.enter(str(message.id), channel, person):
                return None
            if wait := self._backend.cooldowns.wait(person, channel):
                return self._once(person, wait, hurried(wait))
        me = self._client.user
        assert me is not None  # it has heard a message
        asked, conversation = asked_by(message, me), await self._conversations.above(message, me)
        spare = self._backend.settings.discord.turns - conversation.turns
        if spare < 0:
            return Answer()
        if spare == 0 and message.reference is not None:
            return self._once(f"chain {message.reference.message_id}", LOOP_SECONDS, LONG_ENOUGH)
        if not answers(settings, asked.text):
            return Answer(BLOCKED, turns=conversation.turns + 1)
        names = [asked.voice] if asked.voice else await self._usual_voices(message, settings)
        if not names:
            return Answer(NO_VOICE, turns=conversation.turns + 1)
        voice = await self._first_of(names, person, place_of(message))
        content = await self._imitate(message, voice, asked.text, conversation.context, settings)
        return Answer(content, voice if settings.personas else None, conversation.turns + 1)

    def said(self, own: discord.Message, answer: Answer) -> None:
        """That `answer` stands in the channel as the bot's message `own`."""
        if answer.turns:
            self._conversations.remember(own, answer.turns)

    async def _imitate(
        self,
        message: discord.Message,
        voice: Voice,
        text: str,
        context: tuple[str, ...],
        settings: PlaceSettings,
    ) -> str:
        backend = self._backend
        occasion = Occasion("discord", person_of(message.author), place_of(message), block_lists(settings))
        self._typing.show(message)
        with backend.metrics.generate_seconds.time():
            reply = await backend.imitator.answer(voice, text, occasion=occasion, context=context)
        backend.metrics.replies.labels("discord").inc()
        return labelled(reply.text, voice.record.handles)

    async def _usual_voices(self, message: discord.Message, settings: PlaceSettings) -> list[str]:
        """The channel's, for a thread then its channel's, at last the server's: those that are set."""
        names = []
        for number in (message.channel.id, getattr(message.channel, "parent_id", None)):
            chosen = await self._backend.store.places.voice_of(f"discord:{number}") if number else None
            names += [chosen.voice] if chosen else []
        return [*names, *([settings.default_voice] if settings.default_voice else [])]

    async def _first_of(self, names: list[str], person: str, place: str) -> Voice:
        """The first that is there and open to this person. Raises what the last one raised where none is."""
        for name in names[:-1]:
            with suppress(NotFoundError, RefusedError):
                return await self._backend.catalogue.voice(name, person, place)
        return await self._backend.catalogue.voice(names[-1], person, place)

    def _once(self, whom: str, seconds: float, sentence: str) -> Answer:
        """The sentence the first time, silence as long as it holds."""
        now = time.monotonic()
        self._told = {known: until for known, until in self._told.items() if until > now}
        if whom in self._told:
            return Answer()
        self._told[whom] = now + seconds
        return Answer(sentence)
