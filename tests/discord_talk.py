"""Talking to the bot by mentions: asking, waiting for its answers, and watching what its voices are asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.names import channel_of
from bot.imitator import Imitator, Occasion, Reply
from data.store import ChannelVoice
from tests.discord_server import Channel, DiscordServer, Message, User
from trainer.voice import Voice

LABEL = "\n-# AI imitation of @keeper, not the person"
NO_ANSWER = 0.1  # seconds in which one that must not come would have come


@dataclass
class Spy:
    """Stands before an imitator: keeps what it was asked, and may delay or replace its answers."""

    imitator: Imitator
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)  # mention and context
    voices: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)  # seconds, for the answers in the order of the questions
    gate: asyncio.Event | None = None  # nothing is answered before it opens
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.real = self.imitator.answer

    async def __call__(
        self,
        voice: Voice,
        mention: str,
        *,
        occasion: Occasion,
        context: Sequence[str] = (),
        seed: int | None = None,
    ) -> Reply:
        self.asked.append((mention, tuple(context)))
        self.voices.append(voice.record.name)
        delay = self.delays.pop(0) if self.delays else 0.0
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(delay)
        if self.error is not None:
            raise self.error
        return await self.real(voice, mention, occasion=occasion, context=context, seed=seed)


async def give_voice(backend: Backend, channel: Channel, name: str) -> None:
    place = f"discord:{channel.guild.id if channel.guild else channel.id}"
    await backend.store.places.set_voice(ChannelVoice(channel_of(channel), place, name, "discord:1"))


def place_of(server: DiscordServer) -> str:
    return f"discord:{server.guild.id}"


def answers_to(server: DiscordServer, message: Message) -> list[Message]:
    return [answer for answer in server.sent_messages(message.channel) if answer.reply_to is message]


async def answer_to(server: DiscordServer, message: Message) -> Message:
    """The answer, once it is there."""
    await server.until(lambda: answers_to(server, message))
    (answer,) = answers_to(server, message)
    return answer


def ask(server: DiscordServer, text: str = "What of the fog?", by: User | None = None) -> Message:
    return server.say(server.channel, by or server.person, text, mentions=[server.bot])


async def nothing_more(server: DiscordServer, channel: Channel, count: int) -> None:
    """The bot has sent so many messages to the channel, and sends no other."""
    await asyncio.sleep(NO_ANSWER)
    assert len(server.sent_messages(channel)) == count


async def all_marked(backend: Backend) -> None:
    """Waits until no mention waits, by what the store says."""
    async with asyncio.timeout(5):
        while await backend.store.inbox.waiting():  # noqa: ASYNC110 - the store can't signal it
            await asyncio.sleep(0.005)
