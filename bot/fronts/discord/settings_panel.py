"""How the panel of /settings looks: the settings in words, and the menus and buttons that change them."""

from collections.abc import Sequence
from typing import Any

import discord

from bot.catalogue import Entry
from bot.fronts.discord.names import number_of
from bot.fronts.discord.speech import escaped, name_of
from data.store import Filter, PlaceSettings

MOST_CHOSEN = 25  # channels, roles or options, as many as a menu of Discord's holds
NO_VOICE = "-"  # no voice has that name
# What an item changes, and whether the panel was opened by somebody without the Manage Server permission.
CUSTOM_ID = (
    r"mynah:settings:(?P<part>channels|voice|trainers|filter|personas-on|personas-off|phrases)"
    r"(?P<granted>:granted)?"
)
LONGEST_OPTION = 100  # characters, Discord's limit for what an option shows and what it stands for

_FILTERS: dict[Filter, str] = {
    "off": "Nothing is filtered but the block lists of this server and of the operator",
    "standard": "Slurs are never said",
    "strict": "Slurs and swear words are never said; what holds a blocked word is not answered",
}
_ROOMS = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
]


def words_of(settings: PlaceSettings, voices: Sequence[Entry], mine: discord.Permissions) -> str:
    """The settings as sentences. `voices` are those ready for everybody here, `mine` what the bot may do."""
    channels = ", ".join(f"<#{number_of(channel)}>" for channel in settings.channels)
    trainers = ", ".join(("those with Manage Server", *(f"<@&{role}>" for role in settings.trainers)))
    phrases = len(settings.block_list)
    return "\n".join(
        (
            "**How I behave on this server**",
            f"I speak in: {channels or 'every channel where I am asked'}",
            f"Default voice: {_voice_in_words(settings.default_voice, voices)}",
            f"Trainings are started by: {trainers}; for their own posts by everybody",
            f"Filter: **{settings.filter}**. {_FILTERS[settings.filter]}",
            f"Persona webhooks: {_personas_in_words(settings.personas, mine)}",
            f"Block list: {phrases} {'word or phrase' if phrases == 1 else 'words or phrases'}",
            "-# Menus of channels and roles take several, or none.",
        )
    )


def items_of(
    settings: PlaceSettings, voices: Sequence[Entry], guild: discord.Guild | None, *, granted: bool
) -> list[discord.ui.Item[Any]]:
    """Four menus and a row of buttons, which is all that fits under a message."""

    def custom_id(part: str) -> str:
        return f"mynah:settings:{part}{':granted' if granted else ''}"

    # What was deleted meanwhile can't be shown as chosen.
    channels = [number_of(channel) for channel in settings.channels]
    channels = [number for number in channels if guild and guild.get_channel(number)]
    roles = [int(role) for role in settings.trainers if guild and guild.get_role(int(role))]
    of_channel, of_role = discord.SelectDefaultValueType.channel, discord.SelectDefaultValueType.role
    switch = "off" if settings.personas else "on"
    return [
        discord.ui.ChannelSelect(
            custom_id=custom_id("channels"),
            placeholder="Where I may speak: everywhere",
            channel_types=_ROOMS,
            min_values=0,
            max_values=MOST_CHOSEN,
            default_values=[discord.SelectDefaultValue(id=number, type=of_channel) for number in channels],
        ),
        discord.ui.Select(custom_id=custom_id("voice"), options=_voice_options(settings.default_voice, voices)),
        discord.ui.RoleSelect(
            custom_id=custom_id("trainers"),
            placeholder="Who else may start trainings: nobody",
            min_values=0,
            max_values=MOST_CHOSEN,
            default_values=[discord.SelectDefaultValue(id=number, type=of_role) for number in roles],
        ),
        discord.ui.Select(custom_id=custom_id("filter"), options=_filter_options(settings.filter)),
        discord.ui.Button(custom_id=custom_id(f"personas-{switch}"), label=f"Turn persona webhooks {switch}"),
        discord.ui.Button(custom_id=custom_id("phrases"), label="Edit the block list"),
    ]


def _voice_options(default: str, voices: Sequence[Entry]) -> list[discord.SelectOption]:
    """None first, then the default voice, then as many others as there is room for."""
    labels = {
        entry.name: f"Default voice: {' + '.join(f'@{handle}' for handle in entry.handles)}" for entry in voices
    }
    shown = sorted(
        (name for name, label in labels.items() if len(label) <= LONGEST_OPTION), key=lambda name: name != default
    )
    none = discord.SelectOption(label="Default voice: none", value=NO_VOICE, default=default not in shown)
    others = shown[: MOST_CHOSEN - 1]
    return [none] + [
        discord.SelectOption(label=labels[name], value=name, default=name == default) for name in others
    ]


def _filter_options(chosen: Filter) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(
            label=f"Filter: {strength}", value=strength, description=explanation, default=strength == chosen
        )
        for strength, explanation in _FILTERS.items()
    ]


def _voice_in_words(name: str, voices: Sequence[Entry]) -> str:
    if not name:
        return "none; a channel takes the voice that was called there last"
    for entry in voices:
        if entry.name == name:
            return name_of(entry.handles)
    return f"@{escaped(name)}, which is gone or not shared here any more; choose another"


def _personas_in_words(on: bool, mine: discord.Permissions) -> str:
    if not on:
        return "off; voices speak as plain answers of mine"
    needs = "which I have" if mine.manage_webhooks else "which I **lack here**; till then I answer plainly"
    return (
        "on; voices speak under a name and picture that say AI parody. That takes the Manage Webhooks permission, "
        f"{needs}"
    )
