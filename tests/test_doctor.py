"""What the doctor finds of Discord: no token, a bad one, commands of another version, all well."""

from pathlib import Path

from pydantic import SecretStr

from bot.doctor import Finding, examine_discord
from bot.fronts.discord.portal import open_portal
from data.settings import Settings
from tests.discord_fronts import settings_for
from tests.discord_server import DiscordServer


async def found(server: DiscordServer, settings: Settings) -> Finding:
    with server.pointed():
        return await examine_discord(settings)


async def test_no_token_is_a_note(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, token=SecretStr("")))
    assert (finding.state, server.requests) == ("note", [])
    assert "MYNAH_DISCORD__TOKEN" in finding.advice


async def test_a_token_that_is_not_accepted_fails(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, token=SecretStr("wrong")))
    assert finding.state == "fail"
    assert "Reset Token" in finding.found


async def test_discord_out_of_reach_fails(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, api_base="http://127.0.0.1:1/api"))
    assert finding.state == "fail"
    assert "can't be reached" in finding.found


async def test_commands_are_compared_with_those_of_this_mynah(server: DiscordServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path)
    finding = await found(server, settings)
    assert finding.state == "fail"
    assert "mynah discord sync" in finding.advice

    with server.pointed():
        async with open_portal(settings) as portal:
            await portal.sync()
    assert (await found(server, settings)).state == "ok"
    # As Discord gives them back: in its own order, without what is false, with fields of its own.
    registered = server.world.commands[None]
    registered.reverse()
    for command in registered:
        command["name_localizations"] = None
        command.pop("nsfw")
        command["contexts"].reverse()
    assert (await found(server, settings)).state == "ok"

    registered[0]["description"] = "What it said in an earlier version"
    assert (await found(server, settings)).state == "fail"
