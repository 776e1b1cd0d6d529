"""Posting from Discord as tests need it: an account on X that is set up, drafts, and a front that hurries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from bot.autopost.checklist import subject
from bot.autopost.serving import Autoposting
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, make_client
from bot.fronts.discord.draft_cards import DraftCards
from data.settings import DiscordSettings, Settings, XSettings
from data.store import Draft, NewDraft
from tests.discord_clients import connected
from tests.discord_fronts import add_voice, open_backend
from tests.discord_server import Channel, DiscordServer, Message
from tests.social_doubles import ScriptedPlatform

KEYS: dict[str, Any] = dict.fromkeys(("api_key", "api_secret", "access_token", "access_secret"), SecretStr("key"))
TEXT = "The lamp is *lit* again."


def posting_settings(home: Path, *operators: int, **values: Any) -> Settings:
    discord = DiscordSettings(operators=operators)
    return Settings(home=home, x=XSettings(**KEYS), discord=discord, _env_file=None, **values)


@asynccontextmanager
async def posting_backend(settings: Settings, platform: ScriptedPlatform | None = None) -> AsyncIterator[Backend]:
    """The voice of @keeper may post on X."""
    platforms = {"x": platform or ScriptedPlatform()}
    async with open_backend(settings, platforms=platforms) as backend:
        if not await backend.store.voices.names():
            await add_voice(backend, "keeper")
        await backend.store.standing.confirm(subject("x"), "operator")
        yield backend


@asynccontextmanager
async def showing(server: DiscordServer, backend: Backend, *, poll: float = 0.02) -> AsyncIterator[FrontClient]:
    """A front whose draft cards are looked after at once."""
    client = make_client(backend, guild_ready_timeout=0.05)
    client.draft_cards = DraftCards(client, backend, poll=poll)
    async with connected(server, client):
        await client.tree.sync()
        yield client


@asynccontextmanager
async def autoposting(backend: Backend) -> AsyncIterator[None]:
    """The loop that writes and publishes."""
    loop = Autoposting(
        *(backend.store, backend.settings, backend.imitator, backend.catalogue, backend.platforms),
        poll_seconds=0.02,
    )
    task = asyncio.create_task(loop.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def waiting_draft(backend: Backend, channel: Channel | None, text: str = TEXT, **values: Any) -> Draft:
    """A draft that waits for approval, to be shown in a channel."""
    shown_in = f"discord:{channel.id}" if channel else ""
    key = f"test {uuid4()}"
    number = await backend.store.drafts.enter(
        NewDraft(key, "x", "keeper", approve=True, channel=shown_in, **values)
    )
    assert number is not None
    draft = await backend.store.drafts.move(number, "due", "draft", text=text)
    assert draft is not None
    return draft


async def draft_of(backend: Backend, number: int = 1) -> Draft:
    draft = await backend.store.drafts.get(number)
    assert draft is not None
    return draft


async def noted(backend: Backend, number: int = 1) -> str:
    """The message of a draft's card, once the store has it."""
    async with asyncio.timeout(5):
        while not (message := (await draft_of(backend, number)).message):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.005)
    return message


def cards(server: DiscordServer, channel: Channel | None = None) -> list[Message]:
    """The bot's messages that answer nothing."""
    said = server.sent_messages(channel or server.channel)
    return [message for message in said if message.interaction is None]


async def card_of(server: DiscordServer, channel: Channel | None = None) -> Message:
    """The only card of a channel, once it is there."""
    await server.until(lambda: cards(server, channel), seconds=5)
    (message,) = cards(server, channel)
    return message


async def shows(server: DiscordServer, message: Message, *words: str) -> None:
    await server.until(lambda: all(word in message.content for word in words), seconds=5)
