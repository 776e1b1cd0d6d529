"""Completing names while somebody types them: what they may call up in this place, 25 choices at most.

Discord asks at every letter, so nothing here does more than read a few columns of the store.
"""

from collections.abc import Iterable, Sequence

from discord import app_commands

from bot.catalogue import Entry, matching
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.names import person_of, place_of
from data.posts import voice_name

MOST_CHOICES = 25
LONGEST_CHOICE = 100  # characters, Discord's limit for what a choice shows and what it stands for


async def complete_name(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Voices, then corpora that could become one."""
    return choices(await _entries(interaction), typed)


async def complete_voice(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Voices that are ready."""
    return choices([entry for entry in await _entries(interaction) if entry.ready], typed)


async def complete_partner(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Single handles to mix with those chosen so far; ready are those whose mix is."""
    entries = await _entries(interaction)
    ready = {entry.name for entry in entries if entry.ready}
    given = [str(value) for key, value in interaction.namespace if key in ("handle", "with", "and")]
    chosen = {value.strip().removeprefix("@").lower() for value in given if value and value != typed}
    partners = [
        Entry(entry.name, entry.handles, voice_name({*chosen, entry.name}) in ready)
        for entry in entries
        if len(entry.handles) == 1 and entry.name not in chosen
    ]
    return choices(sorted(partners, key=lambda entry: not entry.ready), typed)


def choices(entries: Sequence[Entry], typed: str) -> list[app_commands.Choice[str]]:
    """`@x` for a voice, `@x (not trained yet)` for a corpus."""
    short = [entry for entry in entries if len(_shown(entry)) <= LONGEST_CHOICE]  # one longer and none is shown
    return [
        app_commands.Choice(name=_shown(entry), value=entry.name) for entry in matching(short, typed, MOST_CHOICES)
    ]


def _shown(entry: Entry) -> str:
    return mixed(entry.handles) + ("" if entry.ready else " (not trained yet)")


def mixed(handles: Iterable[str]) -> str:
    """`("a", "b")` -> `"@a + @b"`."""
    return " + ".join(f"@{handle}" for handle in handles)


async def _entries(interaction: Interaction) -> list[Entry]:
    catalogue = backend_of(interaction.client).catalogue
    return await catalogue.entries(person_of(interaction.user), place_of(interaction))
