"""`/settings` and `/help`: the panel says how things are, changes them, and works however old it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest
import simcord
from discord import Permissions, app_commands
from simcord.actors import MemberActor
from simcord.builders import RoleHandle
from simcord.results import InteractionResult, ResponseMessage

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient, FrontTree
from bot.fronts.discord.commands.guide import guide
from bot.fronts.discord.commands.server import read_phrases
from bot.fronts.discord.permits import may_speak
from bot.fronts.discord.settings_panel import items_of, words_of
from bot.fronts.discord.speech import LONGEST_MESSAGE
from data.errors import InputError
from data.store import PlaceSettings, Right
from tests.discord_fronts import SETTLE_SECONDS, add_voice, running_front, still_client
from tests.discord_server import DiscordServer

MANAGER = Permissions(manage_guild=True)
NOTHING = Permissions.none()


class Office:
    """A server of simcord's with somebody who runs it."""

    def __init__(self, env: simcord.Env, client: FrontClient, backend: Backend) -> None:
        self.env = env
        self.client = client
        self.backend = backend
        self.guild = env.create_guild()
        self.channel = self.guild.create_text_channel("perch")
        self.managers = self.guild.create_role("managers", permissions=MANAGER)
        self.rook = self.join("rook", self.managers)

    def join(self, name: str, *roles: RoleHandle) -> MemberActor:
        return self.guild.add_member(self.env.create_user(name), roles=roles)

    @property
    def place(self) -> str:
        return f"discord:{self.guild.id}"

    async def settings(self) -> PlaceSettings:
        return await self.backend.store.places.settings(self.place)

    async def open(self) -> ResponseMessage:
        opened = await self.rook.slash(self.channel, "settings")
        assert opened.ephemeral
        return panel(opened)

    async def choose(self, shown: ResponseMessage, part: str, *values: Any) -> InteractionResult:
        return await self.rook.select(shown, values, custom_id=f"mynah:settings:{part}")

    async def restart(self) -> None:
        await self.env.restart_bot(still_client(self.backend))


@asynccontextmanager
async def opened_office(backend: Backend) -> AsyncIterator[Office]:
    client = still_client(backend)
    async with simcord.run(client, settle_timeout=SETTLE_SECONDS) as env:
        await client.tree.sync()
        yield Office(env, client, backend)


def panel(result: InteractionResult) -> ResponseMessage:
    assert result.response is not None
    return result.response


def component(shown: ResponseMessage, part: str) -> dict[str, Any]:
    found = [item for row in shown.components for item in row["components"]]
    return next(item for item in found if item["custom_id"].split(":")[2] == part)


async def test_the_panel_says_how_things_are(backend: Backend) -> None:
    async with opened_office(backend) as office:
        shown = await office.open()
        assert "I speak in: every channel where I am asked" in shown.content
        assert "Default voice: none" in shown.content
        assert "Filter: **standard**. Slurs are never said" in shown.content
        assert "Persona webhooks: off" in shown.content
        assert "Block list: 0 words or phrases" in shown.content
        assert len(shown.components) == 5
        assert [option["value"] for option in component(shown, "voice")["options"]] == ["-"]


async def test_every_part_is_changed_and_shown_after_a_restart_too(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    await add_voice(backend, "gull", "mayor")
    async with opened_office(backend) as office:
        lobby, trainers = office.guild.create_text_channel("lobby"), office.guild.create_role("trainers")
        shown = await office.open()
        await office.restart()

        await office.choose(shown, "channels", office.channel, lobby)
        shown = panel(await office.choose(shown, "trainers", trainers))
        await office.choose(shown, "voice", "gull+mayor")
        await office.choose(shown, "filter", "strict")
        shown = panel(await office.rook.click(shown, label="Turn persona webhooks on"))

        assert await office.settings() == PlaceSettings(
            channels=(f"discord:{office.channel.id}", f"discord:{lobby.id}"),
            default_voice="gull+mayor",
            trainers=(str(trainers.id),),
            personas=True,
            filter="strict",
        )
        assert f"I speak in: <#{office.channel.id}>, <#{lobby.id}>" in shown.content
        assert f"those with Manage Server, <@&{trainers.id}>" in shown.content
        assert "Default voice: @gull and @mayor" in shown.content
        assert "Filter: **strict**" in shown.content
        assert "Manage Webhooks permission, which I have" in shown.content
        chosen = {int(value["id"]) for value in component(shown, "channels")["default_values"]}
        assert chosen == {office.channel.id, lobby.id}
        assert [int(value["id"]) for value in component(shown, "trainers")["default_values"]] == [trainers.id]
        for part, value in (("voice", "gull+mayor"), ("filter", "strict")):
            (default,) = (option for option in component(shown, part)["options"] if option.get("default"))
            assert default["value"] == value

        await office.choose(shown, "channels")
        await office.choose(shown, "trainers")
        await office.choose(shown, "voice", "-")
        await office.choose(shown, "filter", "standard")
        await office.rook.click(shown, label="Turn persona webhooks off")
        assert await office.settings() == PlaceSettings()


async def test_the_block_list_is_edited_as_a_text(backend: Backend) -> None:
    async with opened_office(backend) as office:
        shown = await office.open()
        form = await office.rook.click(shown, label="Edit the block list")
        sent = await office.rook.submit_modal(form, {"phrases": " mayor \n\ntwo   words\nMayor\n"})
        assert sent.followups == []
        assert (await office.settings()).block_list == ("Mayor", "two words")
        assert "Block list: 2 words or phrases" in panel(await office.choose(shown, "trainers")).content
        form = await office.rook.click(shown, label="Edit the block list")
        assert "Mayor\ntwo words" in str(form.modal).replace("\\n", "\n")
        refused = await office.rook.submit_modal(form, {"phrases": "x" * 61})
        assert "60 characters at most" in panel(refused).content
        assert (await office.settings()).block_list == ("Mayor", "two words")


def test_a_block_list_is_bounded() -> None:
    assert read_phrases("\n \n") == ()
    assert len(read_phrases("\n".join(f"word {number}" for number in range(200)))) == 200
    assert read_phrases("x" * 60) == ("x" * 60,)
    with pytest.raises(InputError, match="these are 201"):
        read_phrases("\n".join(f"word {number}" for number in range(201)))
    with pytest.raises(InputError, match="has 61"):
        read_phrases(f"fine\n{'y' * 61}")


async def test_others_do_not_get_the_command(backend: Backend) -> None:
    async with opened_office(backend) as office:
        robin = office.join("robin")
        assert "settings" in office.rook.available_commands(office.channel)
        assert "settings" not in robin.available_commands(office.channel)


async def test_the_permission_is_looked_at_again_at_each_press(backend: Backend) -> None:
    async with opened_office(backend) as office:
        shown = await office.open()
        form = await office.rook.click(shown, label="Edit the block list")
        office.env.backend.edit_role(office.guild.id, office.managers.id, {"permissions": 0})
        for pressed in (
            await office.choose(shown, "filter", "off"),
            await office.rook.click(shown, label="Turn persona webhooks on"),
            await office.rook.click(shown, label="Edit the block list"),
            await office.rook.submit_modal(form, {"phrases": "mayor"}),
        ):
            assert "Manage Server" in panel(pressed).content
            assert panel(pressed).ephemeral
        assert await office.settings() == PlaceSettings()


async def test_whom_the_server_itself_lets_in_may_change_things_for_a_while(backend: Backend) -> None:
    async with opened_office(backend) as office:
        robin = office.join("robin")
        command = await office.client.tree.fetch_commands()
        number = next(found.id for found in command if found.name == "settings")
        office.guild.set_command_permissions(number, {robin: True})
        shown = panel(await robin.slash(office.channel, "settings"))
        part = "mynah:settings:filter:granted"
        await robin.select(shown, ["off"], custom_id=part)
        assert (await office.settings()).filter == "off"
        await office.env.advance_time(16 * 60)
        refused = await robin.select(shown, ["strict"], custom_id=part)
        assert "open the panel anew" in panel(refused).content
        assert (await office.settings()).filter == "off"


async def test_a_default_voice_must_be_there_for_everybody(backend: Backend) -> None:
    await add_voice(backend, "keeper")
    async with opened_office(backend) as office:
        shown = await office.open()
        private = Right("keeper", f"discord:{office.rook.id}", office.place, audience="owner")
        await backend.store.consent.claim(private)
        refused = await office.choose(shown, "voice", "keeper")
        assert [answer.content for answer in refused.followups] == [
            "The owner of @keeper does not share that voice here; ask them to."
        ]
        assert (await office.settings()).default_voice == ""
        assert [option["value"] for option in component(panel(refused), "voice")["options"]] == ["-"]
        await backend.store.places.change(office.place, default_voice="keeper")
        assert "Default voice: @keeper, which is gone" in (await office.open()).content


def test_the_panel_keeps_within_what_discord_takes() -> None:
    long = tuple(f"discord:{10**18 + number}" for number in range(25))
    fullest = PlaceSettings(
        channels=long,
        default_voice="_" * 100,
        trainers=tuple(str(10**18 + number) for number in range(25)),
        block_list=("word",) * 200,
        personas=True,
        filter="strict",
    )
    words = words_of(fullest, [], NOTHING)
    assert len(words) <= LONGEST_MESSAGE
    assert "Manage Webhooks permission, which I **lack here**" in words


async def test_the_default_voice_is_offered_among_many(backend: Backend) -> None:
    for number in range(40):
        await add_voice(backend, f"voice_{number:02}")
    entries = await backend.catalogue.entries("", "discord:1")
    menu = items_of(PlaceSettings(default_voice="voice_39"), entries, None, granted=False)[1]
    assert isinstance(menu, discord.ui.Select)
    assert len(menu.options) == 25
    assert [option.value for option in menu.options[:3]] == ["-", "voice_39", "voice_00"]


async def test_over_the_wire_a_press_after_a_restart(server: DiscordServer, backend: Backend) -> None:
    rook = server.add_user("rook", permissions=MANAGER)
    async with running_front(server, backend):
        opened = await server.slash(server.channel, rook, "settings")
        await server.until(lambda: opened.response and not opened.response.loading)
    assert opened.response is not None
    async with running_front(server, backend):
        pressed = await server.press(opened.response, rook, "mynah:settings:filter", ["strict"])
        await server.until(lambda: opened.response and "**strict**" in opened.response.content)
        assert pressed.acknowledged_after is not None
        assert pressed.acknowledged_after < 1
        settings = await backend.store.places.settings(f"discord:{server.guild.id}")
        assert settings.filter == "strict"
        channels = [str(10**18 + number) for number in range(26)]
        refused = await server.press(opened.response, rook, "mynah:settings:channels", channels)
        await server.until(lambda: refused.followups)
        assert refused.followups[0].content == "Those are 26; choose 25 at most."
        with pytest.raises(LookupError):
            await server.slash(server.channel, server.person, "settings")
        with pytest.raises(LookupError):
            await server.slash(server.direct(rook), rook, "settings")


async def test_where_the_bot_may_speak(backend: Backend) -> None:
    async with opened_office(backend) as office:
        client = office.env.bot
        channel = client.get_channel(office.channel.id)
        other = client.get_channel(office.guild.create_text_channel("lobby").id)
        assert isinstance(channel, discord.TextChannel)
        here = PlaceSettings(channels=(f"discord:{channel.id}",))
        thread = await channel.create_thread(name="branch", type=discord.ChannelType.public_thread)
        assert [may_speak(here, where) for where in (channel, thread, other, None)] == [True, True, False, False]
        assert may_speak(PlaceSettings(), other)


async def test_help_names_every_command_and_the_way_to_start(backend: Backend) -> None:
    async with opened_office(backend) as office:
        told = await office.join("robin").slash(office.channel, "help")
        assert told.ephemeral
        content = panel(told).content
        for command in office.client.tree.get_commands(type=discord.AppCommandType.chat_input):
            assert f"`/{command.name}`" in content
            assert f": {command.description}\n" in content
            for part in command.commands if isinstance(command, app_commands.Group) else ():
                assert part.name in content
        for step in ("1. `/import`", "2. `/imitate`", "3. Mention me", "**Privacy**", "Mynah"):
            assert step in content


async def test_help_fits_one_message_however_many_commands_there_are() -> None:
    async with discord.Client(intents=discord.Intents.none()) as client:
        tree = FrontTree(client)
        assert len(guide(tree)) < LONGEST_MESSAGE

        async def nothing(interaction: discord.Interaction) -> None: ...

        for number in range(50):
            tree.add_command(app_commands.Command(name=f"more{number}", description="x" * 100, callback=nothing))
        assert len(guide(tree)) <= LONGEST_MESSAGE
        assert "**Privacy**" in guide(tree)
