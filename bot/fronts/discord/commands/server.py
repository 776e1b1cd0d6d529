"""`/settings`: how the bot behaves on a server. One panel shows it in words and changes it.

Every press reads and writes the store and checks the permission anew, so a panel works as long as it is shown: the
bot may be restarted, permissions and settings may change meanwhile.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self, cast

import discord
from discord import app_commands

from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.failures import answer, deferred, explained
from bot.fronts.discord.names import place_of
from bot.fronts.discord.permits import may_manage
from bot.fronts.discord.settings_panel import CUSTOM_ID, MOST_CHOSEN, NO_VOICE, items_of, words_of
from bot.fronts.discord.speech import QUIET, escaped
from data.errors import InputError, RefusedError

MOST_PHRASES = 200
LONGEST_PHRASE = 60  # characters
LONGEST_FORM = 4_000  # characters, Discord's limit for what is typed into a form
NOBODY = ""  # a default voice must be there for everybody, so what only one person may use does not count
# Who was let in by Discord's own command permissions, without Manage Server, is believed for so long: at a press
# Discord does not say whether that still holds.
GRANT_LASTS = timedelta(minutes=15)


@app_commands.command(name="settings", description="How I behave on this server: where I speak, as whom, and how")
@app_commands.default_permissions(manage_guild=True)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.allowed_installs(guilds=True, users=False)
async def show_settings(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        content, view = await _panel(interaction, granted=not may_manage(interaction))
        await answer(interaction, content, view=view)


class PanelItem(discord.ui.DynamicItem[discord.ui.Item[Any]], template=CUSTOM_ID):
    """A menu or button of a panel, however old that is, at the moment when it is used."""

    def __init__(self, item: discord.ui.Item[Any]) -> None:
        super().__init__(item)
        match = self.template.fullmatch(self.custom_id)
        assert match is not None
        self._part, self._granted = match["part"], match["granted"] is not None

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(item)

    @explained
    async def callback(self, interaction: Interaction) -> None:
        _refuse_strangers(interaction, granted=self._granted)
        places, place = backend_of(interaction.client).store.places, place_of(interaction)
        if self._part == "phrases":
            settings = await places.settings(place)
            await interaction.response.send_modal(PhrasesForm(settings.block_list, granted=self._granted))
            return
        await interaction.response.defer()
        try:
            values = cast(dict[str, Any], interaction.data).get("values", [])
            await places.change(place, **await _change(interaction, self._part, values))
        finally:  # where it was refused, the menu must not go on showing what was chosen
            await _show_again(interaction, granted=self._granted)


class PhrasesForm(discord.ui.Modal, title="Words that are never said here"):
    """The block list as a text."""

    def __init__(self, phrases: Sequence[str], *, granted: bool) -> None:
        super().__init__()
        self._granted = granted
        self._text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="phrases",
            style=discord.TextStyle.paragraph,
            required=False,
            default="\n".join(phrases),
            max_length=LONGEST_FORM,
        )
        self.add_item(
            discord.ui.Label(
                text="One word or phrase a line",
                description="Found as whole words, oddly spelled ones too.",
                component=self._text,
            )
        )

    @explained
    async def on_submit(self, interaction: Interaction) -> None:
        _refuse_strangers(interaction, granted=self._granted)
        phrases = read_phrases(self._text.value)
        await interaction.response.defer()
        await backend_of(interaction.client).store.places.change(place_of(interaction), block_list=phrases)
        await _show_again(interaction, granted=self._granted)


def read_phrases(text: str) -> tuple[str, ...]:
    """The phrases of a block list, one a line, each once. Raises InputError where they are too many or long."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    phrases = tuple({line.casefold(): line for line in lines if line}.values())
    if len(phrases) > MOST_PHRASES:
        raise InputError(
            f"A block list holds {MOST_PHRASES} words or phrases at most, these are {len(phrases)}; "
            "leave some out and try again."
        )
    for phrase in phrases:
        if len(phrase) > LONGEST_PHRASE:
            raise InputError(
                f"A blocked phrase has {LONGEST_PHRASE} characters at most, but the one that starts with "
                f'"{escaped(phrase[:20])}" has {len(phrase)}; shorten it and try again.'
            )
    return phrases


def _refuse_strangers(interaction: Interaction, *, granted: bool) -> None:
    """Raises RefusedError for those who may not change the settings, or no longer."""
    if may_manage(interaction):
        return
    opened = interaction.message.created_at if granted and interaction.message else None
    if opened is None or interaction.created_at - opened > GRANT_LASTS:
        raise RefusedError(
            "Settings take the Manage Server permission; if this server lets you use /settings without it, open "
            "the panel anew."
        )


async def _change(interaction: Interaction, part: str, values: Sequence[str]) -> dict[str, Any]:
    """What a press changes, as `PlaceStore.change` takes it. Raises a MynahError for what can't be chosen."""
    if len(values) > MOST_CHOSEN:
        raise InputError(f"Those are {len(values)}; choose {MOST_CHOSEN} at most.")
    match part:
        case "channels":
            return {"channels": tuple(f"discord:{number}" for number in values)}
        case "trainers":
            return {"trainers": tuple(values)}
        case "filter":
            return {"filter": values[0]}
        case "voice" if values[0] == NO_VOICE:
            return {"default_voice": ""}
        case "voice":  # it may have been erased, or taken back by its owner, since the menu was shown
            await backend_of(interaction.client).catalogue.voice(values[0], NOBODY, place_of(interaction))
            return {"default_voice": values[0]}
        case _:
            return {"personas": part == "personas-on"}


async def _panel(interaction: Interaction, *, granted: bool) -> tuple[str, discord.ui.View]:
    """The panel as it is now: in words, and what changes it."""
    backend, place = backend_of(interaction.client), place_of(interaction)
    settings = await backend.store.places.settings(place)
    voices = [entry for entry in await backend.catalogue.entries(NOBODY, place) if entry.ready]
    view = discord.ui.View(timeout=None)
    for item in items_of(settings, voices, interaction.guild, granted=granted):
        view.add_item(PanelItem(item))
    return words_of(settings, voices, interaction.app_permissions), view


async def _show_again(interaction: Interaction, *, granted: bool) -> None:
    content, view = await _panel(interaction, granted=granted)
    await interaction.edit_original_response(content=content, view=view, allowed_mentions=QUIET)


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (show_settings,)
DYNAMIC_ITEMS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (PanelItem,)
