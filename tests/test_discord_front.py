"""The Discord front as a whole: it connects, registers its commands, and asks for no privileged intent."""

import simcord

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import INTENTS, FrontClient
from tests.discord_fronts import SETTLE_SECONDS, still_client
from tests.discord_server import DiscordServer


def test_no_privileged_intent_is_asked_for() -> None:
    privileged = {name for name in ("message_content", "members", "presences") if getattr(INTENTS, name)}
    assert not privileged


async def test_commands_are_for_servers_and_for_people(server: DiscordServer, front: FrontClient) -> None:
    (registered,) = server.calls("PUT", f"/applications/{server.bot.id}/commands")
    for command in registered.payload:
        if command["name"] == "settings":  # those are a server's
            assert (command["integration_types"], command["contexts"]) == ([0], [0])
            continue
        assert command["integration_types"] == [0, 1]
        assert command["contexts"] == [0, 1, 2]
    told = await server.slash(server.channel, server.person, "help")
    assert told.answered


async def test_it_runs_in_simcord_too(backend: Backend) -> None:
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS) as env:
        await client.tree.sync()
        guild = env.create_guild()
        channel = guild.create_text_channel("perch")
        told = await guild.add_member(env.create_user("robin")).slash(channel, "help")
        assert told.ephemeral
        assert told.response.content
