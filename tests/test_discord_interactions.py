"""The small Discord against the real discord.py: commands, autocomplete, buttons, modals, webhooks."""

import asyncio

import discord
import pytest
from discord import app_commands

from tests.discord_clients import Listener, perch
from tests.discord_server import DiscordServer, Interaction

MESSAGES = r"/channels/\d+/messages"


class Buttons(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=30)

    @discord.ui.button(label="Another", custom_id="another")
    async def another(self, interaction: discord.Interaction, button: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.edit_message(content="another one")

    @discord.ui.button(label="Report", custom_id="report")
    async def report(self, interaction: discord.Interaction, button: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.send_modal(Report())


class Report(discord.ui.Modal, title="Report"):
    reason: discord.ui.TextInput["Report"] = discord.ui.TextInput(label="Why?", custom_id="reason")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"thanks: {self.reason.value}", ephemeral=True)


def give_commands(client: Listener) -> None:
    async def complete(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in ("parrot", "parakeet") if typed in name]

    @client.tree.command(description="Speak like someone")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.autocomplete(handle=complete)
    async def imitate(interaction: discord.Interaction, handle: str, say: str = "") -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(content=f"{handle}: {say}", view=Buttons())
        await interaction.followup.send("a second message", ephemeral=True)

    group = app_commands.Group(name="voice", description="Voices")

    @group.command(description="Train one")
    async def train(interaction: discord.Interaction, archive: discord.Attachment, owner: discord.Member) -> None:
        size = len(await archive.read())
        await interaction.response.send_message(f"{archive.filename} {size} {owner.name}", ephemeral=True)

    client.tree.add_command(group)

    @client.tree.command(description="Answer too late")
    async def late(interaction: discord.Interaction) -> None:
        await asyncio.sleep(0)
        await interaction.response.send_message("first")
        await interaction.response.send_message("second")


async def test_commands_are_registered_by_one_put(server: DiscordServer, client: Listener) -> None:
    give_commands(client)
    synced = await client.tree.sync()
    assert {command.name for command in synced} == {"imitate", "voice", "late"}
    assert [command.id for command in await client.tree.fetch_commands()] == [command.id for command in synced]
    assert [command.id for command in await client.tree.sync()] == [command.id for command in synced]
    assert len(server.calls("PUT", f"/applications/{server.bot.id}/commands")) == 2
    with pytest.raises(LookupError):
        await server.slash(server.channel, server.person, "sing")
    with pytest.raises(LookupError):
        await server.slash(server.channel, server.person, "imitate")  # without its handle


async def test_a_command_is_deferred_then_edited_then_pressed(server: DiscordServer, client: Listener) -> None:
    give_commands(client)
    await client.tree.sync()
    used = await server.slash(server.channel, server.person, "imitate", handle="parrot", say="rain")
    await server.until(lambda: used.followups)
    assert used.callback is not None
    assert used.callback["type"] == 5
    assert used.acknowledged_after is not None
    assert used.acknowledged_after < 1
    (answer,) = server.sent_messages(server.channel)
    assert (answer, answer.content, answer.loading) == (used.response, "parrot: rain", False)
    assert used.followups[0].ephemeral
    await server.press(answer, server.person, "Another")
    assert answer.content == "another one"
    opened = await server.press(answer, server.person, "report")
    sent = await server.submit(opened, reason="too loud")
    assert sent.response is not None
    assert (sent.response.content, sent.response.ephemeral) == ("thanks: too loud", True)


async def test_a_first_follow_up_fills_the_loading_message(server: DiscordServer, client: Listener) -> None:
    @client.tree.command(description="Wait")
    async def wait(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.followup.send("filled")

    await client.tree.sync()
    used = await server.slash(server.direct(server.person), server.person, "wait")
    await server.until(lambda: used.response and not used.response.loading)
    assert used.response is not None
    assert (used.response.content, used.followups) == ("filled", [])


async def test_subcommands_attachments_and_members(server: DiscordServer, client: Listener) -> None:
    give_commands(client)
    await client.tree.sync()
    archive = server.file("archive.zip", b"PK" * 50)
    used = await server.slash(server.channel, server.person, "voice train", archive=archive, owner=server.person)
    assert used.response is not None
    assert used.response.content == "archive.zip 100 robin"


async def test_autocomplete(server: DiscordServer, client: Listener) -> None:
    give_commands(client)
    await client.tree.sync()
    choices = await server.autocomplete(server.channel, server.person, "imitate", "handle", "parr")
    assert choices == [{"name": "parrot", "value": "parrot"}]
    with pytest.raises(LookupError):
        await server.autocomplete(server.channel, server.person, "imitate", "say", "parr")


async def test_a_person_brings_the_app_to_a_server_without_the_bot(
    server: DiscordServer, client: Listener
) -> None:
    give_commands(client)
    await client.tree.sync()
    elsewhere = server.world.add_guild("Elsewhere", has_bot=False)
    hall = server.world.add_channel(elsewhere, "hall")
    guest = server.add_user("wren", elsewhere)
    with pytest.raises(LookupError):
        await server.slash(hall, guest, "late")  # offered only where the bot is a member
    used = await server.slash(hall, guest, "imitate", handle="parrot")
    await server.until(lambda: used.response and used.response.content == "parrot: ")
    with pytest.raises(discord.Forbidden):
        await client.get_partial_messageable(hall.id).send("uninvited")


async def test_permissions_of_members_are_known(server: DiscordServer, client: Listener) -> None:
    @client.tree.command(description="For keepers")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def settings(interaction: discord.Interaction) -> None:
        assert isinstance(interaction.user, discord.Member)
        both = interaction.permissions.manage_guild, interaction.user.guild_permissions.manage_guild
        await interaction.response.send_message(f"{both}", ephemeral=True)

    await client.tree.sync()
    keeper = server.add_user("keeper", permissions=discord.Permissions(manage_guild=True))
    used = await server.slash(server.channel, keeper, "settings")
    assert used.response is not None
    assert used.response.content == "(True, True)"
    for channel, user in ((server.channel, server.person), (server.direct(keeper), keeper)):
        with pytest.raises(LookupError):
            await server.slash(channel, user, "settings")


async def failed(
    server: DiscordServer, client: Listener, command: str, *, expire: bool
) -> app_commands.AppCommandError:
    errors: asyncio.Queue[app_commands.AppCommandError] = asyncio.Queue()

    async def on_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        errors.put_nowait(error)

    client.tree.error(on_error)
    give_commands(client)
    await client.tree.sync()
    used: Interaction = server.people.use_command(server.channel, server.person, command, {})
    used.expired = expire
    return await asyncio.wait_for(errors.get(), 5)


async def test_an_expired_interaction(server: DiscordServer, client: Listener) -> None:
    error = await failed(server, client, "late", expire=True)
    assert isinstance(error.__cause__, discord.NotFound)
    assert error.__cause__.code == 10062


async def test_a_second_answer_is_stopped_by_discord_py_itself(server: DiscordServer, client: Listener) -> None:
    error = await failed(server, client, "late", expire=False)
    assert isinstance(error.__cause__, discord.InteractionResponded)


async def test_a_lost_acknowledgement_is_answered_40060(server: DiscordServer, client: Listener) -> None:
    server.faults.fail("POST", "/interactions/.*", after_effect=True)
    error = await failed(server, client, "late", expire=False)
    assert isinstance(error.__cause__, discord.HTTPException)
    assert error.__cause__.code == 40060
    assert len(server.sent_messages(server.channel)) == 1


async def test_a_webhook_speaks_under_another_name(server: DiscordServer, client: Listener) -> None:
    with pytest.raises(discord.Forbidden):
        await perch(server, client).create_webhook(name="personas")
    garden = server.world.add_guild("Garden", permissions=discord.Permissions(manage_webhooks=True))
    bed = server.world.add_channel(garden, "bed")
    await server.until(lambda: client.get_channel(bed.id))
    channel = client.get_channel(bed.id)
    assert isinstance(channel, discord.TextChannel)
    webhook = await channel.create_webhook(name="personas")
    assert [known.id for known in await channel.webhooks()] == [webhook.id]
    sent = await webhook.send("squawk", username="parrot (AI parody)", wait=True)
    await sent.edit(content="squawk!")
    (posted,) = server.sent_messages(bed)
    assert (posted.author.name, posted.content) == ("parrot (AI parody)", "squawk!")
    await webhook.delete()
    with pytest.raises(discord.NotFound) as missing:
        await webhook.send("gone", wait=True)
    assert missing.value.code == 10015
