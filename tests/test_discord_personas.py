"""Voices under their own name: only where a server wants it, plainly marked, and never twice."""

import asyncio
import base64
import io

import discord
import pytest
import simcord
from PIL import Image

from bot.avatar import SIZE, avatar
from bot.fronts.discord import personas
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.personas import WEBHOOK_NAME, persona_name, send_as_persona
from tests.discord_fronts import SETTLE_SECONDS, add_voice, still_client
from tests.discord_server import Channel, DiscordServer, Message
from trainer.voice import Voice

SEND = r"/webhooks/\d+/webhook-[^/]+"
MAY_POSE = discord.Permissions(manage_webhooks=True)


@pytest.fixture
async def voice(backend: Backend) -> Voice:
    return await add_voice(backend, "keeper")


class Stage:
    """A server that turned personas on, and a message to be answered in it."""

    def __init__(self, server: DiscordServer, front: FrontClient, voice: Voice) -> None:
        self.server, self.front, self.voice = server, front, voice
        garden = server.world.add_guild("Garden", permissions=MAY_POSE)
        self.bed: Channel = server.world.add_channel(garden, "bed")
        self.asked: Message = server.say(self.bed, garden.owner, "what now?")

    async def open(self, *, on: bool = True) -> discord.TextChannel:
        await self.server.until(lambda: self.front.get_channel(self.bed.id))
        assert self.bed.guild is not None
        await self.front.backend.store.places.change(f"discord:{self.bed.guild.id}", personas=on)
        channel = self.front.get_channel(self.bed.id)
        assert isinstance(channel, discord.TextChannel)
        return channel

    async def speak(
        self, channel: discord.abc.Messageable, text: str = "Fog. @everyone"
    ) -> discord.Message | None:
        return await send_as_persona(self.front.backend, channel, self.voice, text, nonce=self.asked.id)

    @property
    def said(self) -> list[Message]:
        return self.server.sent_messages(self.bed)


@pytest.fixture
async def stage(server: DiscordServer, front: FrontClient, voice: Voice) -> Stage:
    return Stage(server, front, voice)


async def test_name_and_picture_say_that_it_is_ai(stage: Stage) -> None:
    sent = await stage.speak(await stage.open())
    (posted,) = stage.said
    assert sent is not None
    assert sent.id == posted.id
    assert posted.author.name == "keeper (AI parody)"
    assert posted.content.startswith("Fog. @everyone\n")
    assert posted.content.endswith(f"/{stage.bed.id}/{stage.asked.id}")
    assert not posted.mention_everyone
    (made,) = stage.server.calls("POST", f"/channels/{stage.bed.id}/webhooks")
    assert made.payload["name"] == WEBHOOK_NAME
    kind, picture = made.payload["avatar"].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(picture) == avatar()


async def test_the_webhook_is_made_once_and_found_again(stage: Stage) -> None:
    channel = await stage.open()
    await channel.create_webhook(name="of somebody else")
    next(iter(stage.server.world.webhooks.values())).creator = stage.server.person
    await stage.speak(channel)
    await stage.speak(channel)
    assert len(stage.server.world.webhooks) == 2
    assert {message.author.name for message in stage.said} == {"keeper (AI parody)"}


async def test_off_by_default_and_only_where_the_bot_may(stage: Stage) -> None:
    channel = await stage.open(on=False)
    assert await stage.speak(channel) is None
    await stage.open()
    stage.server.world.deny(stage.bed, MAY_POSE)
    await stage.server.until(lambda: not channel.permissions_for(channel.guild.me).manage_webhooks)
    assert await stage.speak(channel) is None
    assert not stage.server.calls("GET", f"/channels/{stage.bed.id}/webhooks")  # it was not even tried


async def test_a_refusal_falls_back_to_a_reply(stage: Stage) -> None:
    channel = await stage.open()
    stage.server.world.deny(stage.bed, MAY_POSE, silently=True)
    assert await stage.speak(channel) is None
    assert stage.server.calls("GET", f"/channels/{stage.bed.id}/webhooks")[0].status == 403


async def test_too_long_with_the_link_falls_back_too(stage: Stage) -> None:
    assert await stage.speak(await stage.open(), "x" * 1990) is None
    assert not stage.said


async def test_a_direct_conversation_has_no_personas(stage: Stage) -> None:
    stage.server.say(stage.server.direct(stage.server.person), stage.server.person, "hello")
    channel = await stage.front.create_dm(discord.Object(stage.server.person.id))
    assert await stage.speak(channel) is None


async def test_a_lost_answer_is_not_said_again(stage: Stage) -> None:
    channel = await stage.open()
    stage.server.faults.cut("POST", SEND, after_effect=True)
    sent = await stage.speak(channel)
    (posted,) = stage.said
    assert sent is not None
    assert sent.id == posted.id


async def test_a_lost_message_is_said_again(stage: Stage) -> None:
    channel = await stage.open()
    stage.server.faults.cut("POST", SEND)
    assert await stage.speak(channel) is not None
    assert len(stage.said) == 1
    assert len(stage.server.calls("POST", "/webhooks/")) == 2


async def test_what_discord_py_sent_twice_is_taken_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = await stage.open()
    monkeypatch.setattr(personas, "RETRY_SECONDS", 0.1)
    patient = asyncio.sleep

    async def hurried(seconds: float) -> None:
        await patient(min(seconds, 0.15))

    monkeypatch.setattr("discord.webhook.async_.asyncio.sleep", hurried)
    stage.server.faults.fail("POST", SEND, status=502, after_effect=True)
    sent = await stage.speak(channel)
    (posted,) = stage.said
    assert sent is not None
    assert sent.id == posted.id
    assert len(stage.server.calls("POST", "/webhooks/")) == 2


async def test_a_mention_that_an_earlier_process_answered_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await stage.open()
    first = await stage.speak(channel)
    monkeypatch.setattr(personas, "OLD", personas.OLD * 0)  # as if it had waited for long
    again = await stage.speak(channel, "Something else altogether.")
    assert first is not None
    assert again is not None
    assert again.id == first.id
    assert len(stage.said) == 1


async def test_in_a_thread_the_webhook_of_its_channel_speaks(backend: Backend, voice: Voice) -> None:
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS) as env:
        guild = env.create_guild()
        perch = guild.create_text_channel("perch")
        await env.settle()
        await backend.store.places.change(f"discord:{guild.id}", personas=True)
        channel = client.get_channel(perch.id)
        assert isinstance(channel, discord.TextChannel)
        thread = await channel.create_thread(name="branch", type=discord.ChannelType.public_thread)
        asked = await guild.add_member(env.create_user("robin")).send(perch, "what now?")
        sent = await send_as_persona(backend, thread, voice, "Fog.", nonce=asked.id)
        assert sent is not None
        assert sent.channel.id == thread.id
        assert [webhook.name for webhook in await channel.webhooks()] == [WEBHOOK_NAME]


def test_names_that_discord_accepts() -> None:
    assert persona_name(("a_b", "c")) == "a_b + c (AI parody)"
    for handle in ("clyde", "ClYdE.bsky", "i_love_discord", "discorddiscord", "x" * 64):
        name = persona_name((handle, "other" * 9))
        assert "clyde" not in name.lower()
        assert "discord" not in name.lower()
        assert len(name) <= 80
        assert name.endswith(" (AI parody)")


def test_the_picture_is_a_small_png() -> None:
    picture = Image.open(io.BytesIO(avatar()))
    assert (picture.format, picture.size) == ("PNG", (SIZE, SIZE))
    assert len(avatar()) < 10_000
    white = picture.convert("L").histogram()[255]
    assert white > SIZE * SIZE / 20  # the word is there, and large
