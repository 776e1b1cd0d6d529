"""The small Discord against the real discord.py: login, shards, messages, files, channels that go away."""

import asyncio
import io

import discord
import pytest

from tests.discord_clients import Listener, perch, running
from tests.discord_server import DiscordServer

MESSAGES = r"/channels/\d+/messages"


# Login


async def test_login_brings_the_guild(server: DiscordServer, client: Listener) -> None:
    assert client.user is not None
    assert client.user.id == server.bot.id
    assert client.application_id == server.bot.id
    (guild,) = client.guilds
    assert (guild.name, guild.member_count, guild.me.id) == ("Aviary", 3, server.bot.id)
    assert guild.owner_id == server.guild.owner.id
    assert perch(server, client).permissions_for(guild.me).send_messages
    assert [call.path for call in server.requests] == ["/users/@me", "/oauth2/applications/@me"]
    await server.until(lambda: server.gateway.heartbeats > 0)


async def test_a_wrong_token_is_a_login_failure(server: DiscordServer) -> None:
    with server.pointed():
        async with Listener() as client:
            with pytest.raises(discord.LoginFailure):
                await client.start("wrong")


async def test_a_privileged_intent_must_be_granted(server: DiscordServer) -> None:
    intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(server, Listener(intents=intents)):
            pass
    server.world.privileged_intents = discord.Intents(message_content=True)
    async with running(server, Listener(intents=intents)) as client:
        server.say(server.channel, server.person, "plain talk")
        await server.until(lambda: client.texts == ["plain talk"])


@pytest.mark.parametrize("code", [4004, 4011, 4013])
async def test_fatal_close_codes_end_the_client(server: DiscordServer, code: int) -> None:
    client = Listener()
    with server.pointed():
        run = asyncio.create_task(client.start(server.token))
        await server.until(lambda: server.gateway.connected)
        server.gateway.close(code)
        with pytest.raises(discord.ConnectionClosed) as closed:
            await run
    assert closed.value.code == code


class Sharded(discord.AutoShardedClient):
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Skips the 5 s between the identifies of two shards."""


async def test_shards_share_the_guilds(server: DiscordServer) -> None:
    server.routes.shards = 2
    client = Sharded(intents=discord.Intents(guilds=True), guild_ready_timeout=0.2)
    with server.pointed():
        run = asyncio.create_task(client.start(server.token))
        await server.until(lambda: client.is_ready() or run.done())
        assert sorted(session.shard for session in server.gateway.sessions.values()) == [(0, 2), (1, 2)]
        assert [guild.id for guild in client.guilds] == [server.guild.id]
        await client.close()
        await run


# Messages


async def test_a_mention_is_answered_and_pings_nobody(server: DiscordServer, client: Listener) -> None:
    asked = server.say(server.channel, server.person, "who sings?", mentions=[server.bot])
    await server.until(lambda: server.sent_messages(server.channel))
    (answer,) = server.sent_messages(server.channel)
    assert answer.content == "heard: @mynah who sings?"
    assert answer.reply_to is asked
    assert answer.mentions == []
    (heard,) = client.heard
    assert isinstance(heard.author, discord.Member)
    assert heard.author.name == "robin"


async def test_without_the_intent_only_mentions_and_direct_messages_have_words(
    server: DiscordServer, client: Listener
) -> None:
    mine = await perch(server, client).send("sung by the bot")
    original = server.channel.messages[mine.id]
    server.say(server.channel, server.person, "not for the bot")
    server.say(server.channel, server.person, "silent reply", reply_to=original, ping=False)
    server.say(server.channel, server.person, "reply", reply_to=original)
    server.say(server.direct(server.person), server.person, "psst")
    await server.until(lambda: len(client.heard) == 4)
    assert client.texts == ["", "", "reply", "psst"]
    resolved = client.heard[2].reference.resolved if client.heard[2].reference else None
    assert isinstance(resolved, discord.Message)
    assert resolved.content == "sung by the bot"


async def test_typing_edit_history_and_deletion(server: DiscordServer, client: Listener) -> None:
    channel = perch(server, client)
    async with channel.typing():
        sent = await channel.send("training: 1 %")
    await sent.edit(content="training: 99 %")
    kept = server.channel.messages[sent.id]
    assert kept.content == "training: 99 %"
    assert len(kept.edits) == 1
    assert len(server.calls("POST", f"/channels/{channel.id}/typing")) == 1
    assert [message.id async for message in channel.history(limit=10)] == [sent.id]
    await sent.delete()
    assert kept.deleted
    with pytest.raises(discord.NotFound):
        await channel.fetch_message(sent.id)


async def test_history_pages_both_ways(server: DiscordServer, client: Listener) -> None:
    said = [server.say(server.channel, server.person, f"line {number}").id for number in range(5)]
    channel = perch(server, client)
    later = [message.id async for message in channel.history(after=discord.Object(said[1]), limit=2)]
    assert later == said[2:4]
    earlier = [message.id async for message in channel.history(before=discord.Object(said[3]), limit=2)]
    assert earlier == [said[2], said[1]]


async def test_a_direct_message(server: DiscordServer, client: Listener) -> None:
    user = await client.fetch_user(server.person.id)
    await user.send("in private")
    assert [message.content for message in server.sent_messages(server.direct(server.person))] == ["in private"]
    server.person.accepts_direct_messages = False
    with pytest.raises(discord.Forbidden) as refused:
        await user.send("again")
    assert refused.value.code == 50007


async def test_attachments_go_both_ways(server: DiscordServer, client: Listener) -> None:
    data = bytes(range(256)) * 100
    server.say(server.channel, server.person, "here", mentions=[server.bot], files=[server.file("a.zip", data)])
    await server.until(lambda: server.sent_messages(server.channel))
    (attachment,) = client.heard[0].attachments
    assert (attachment.filename, attachment.size) == ("a.zip", len(data))
    assert await attachment.read() == data
    sent = await perch(server, client).send("a plot", file=discord.File(io.BytesIO(data), "plot.png"))
    (uploaded,) = server.channel.messages[sent.id].attachments
    assert (uploaded.filename, uploaded.data) == ("plot.png", data)
    await sent.edit(attachments=[discord.File(io.BytesIO(b"new"), "new.png")])
    assert [file.data for file in server.channel.messages[sent.id].attachments] == [b"new"]


async def test_discord_refuses_what_it_refuses(server: DiscordServer, client: Listener) -> None:
    channel = perch(server, client)
    with pytest.raises(discord.HTTPException) as refused:
        await channel.send("x" * 2001)
    assert refused.value.code == 50035
    with pytest.raises(discord.HTTPException) as refused:
        await channel.send("")
    assert refused.value.code == 50006
    theirs = server.say(server.channel, server.person, "mine")
    with pytest.raises(discord.Forbidden) as forbidden:
        await channel.get_partial_message(theirs.id).edit(content="stolen")
    assert forbidden.value.code == 50005


async def test_a_deleted_channel_and_a_missing_permission(server: DiscordServer, client: Listener) -> None:
    channel = perch(server, client)
    server.world.deny(server.channel, discord.Permissions(send_messages=True), silently=True)
    with pytest.raises(discord.Forbidden) as forbidden:
        await channel.send("hush")
    assert forbidden.value.code == 50013
    server.world.deny(server.channel, discord.Permissions(send_messages=True))
    await server.until(lambda: not channel.permissions_for(channel.guild.me).send_messages)
    server.world.deny(server.channel, discord.Permissions(view_channel=True))
    with pytest.raises(discord.Forbidden) as forbidden:
        await channel.send("hush")
    assert forbidden.value.code == 50001
    server.world.remove_channel(server.channel)
    with pytest.raises(discord.NotFound) as missing:
        await channel.send("gone")
    assert missing.value.code == 10003
    await server.until(lambda: client.get_channel(server.channel.id) is None)


async def test_joining_and_leaving_a_server(server: DiscordServer, client: Listener) -> None:
    second = server.world.add_guild("Hedge")
    await server.until(lambda: client.get_guild(second.id))
    server.world.remove_guild(second)
    await server.until(lambda: client.get_guild(second.id) is None)
