"""`/guess`: which of two posts is real? The buttons know their round by number, so that they outlast a restart."""

import re
import secrets
from collections.abc import Sequence
from typing import Any, Self

import discord
from discord import app_commands

from bot import game
from bot.catalogue import Entry
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.completion import choices
from bot.fronts.discord.failures import answer, deferred, explained
from bot.fronts.discord.names import number_of, person_of, place_of
from bot.fronts.discord.permits import refuse_channel, refuse_hurry
from bot.fronts.discord.speech import QUIET, escaped, name_of
from bot.gates import BlockList
from bot.gates.filters import block_lists
from bot.imitator import Occasion
from data.errors import NotFoundError
from data.store import Round, Score
from trainer.voice import Voice

OVER = "This round is over: its posts were erased, or are released no more; /guess starts another one."

_LOOKS = {
    "a": ("A", discord.ButtonStyle.primary),
    "b": ("B", discord.ButtonStyle.primary),
    "leaderboard": ("Leaderboard", discord.ButtonStyle.secondary),
    "next": ("Next", discord.ButtonStyle.secondary),
}


@app_commands.command(name="guess", description="A game: which of two posts is real, which one did I make up?")
@app_commands.describe(handle="Whose posts; left out, it is this channel's voice or any that may be played")
async def guess(interaction: Interaction, handle: str = "") -> None:
    async with deferred(interaction):
        content, view = await _begin(interaction, handle)
        await answer(interaction, content, ephemeral=False, view=view)


@guess.autocomplete("handle")
async def _complete(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    return choices(await _playable(interaction), typed)


class RoundButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"mynah:guess:(?P<round>\d{1,18}):(?P<act>a|b|leaderboard|next)",
):
    """One of the four under a round."""

    def __init__(self, round_id: int, act: str) -> None:
        label, style = _LOOKS[act]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"mynah:guess:{round_id}:{act}"))
        self._round_id = round_id
        self._act = act

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["round"]), match["act"])

    @explained
    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        backend = backend_of(interaction.client)
        asked = await backend.store.game.round(self._round_id)
        voice = await backend.store.voices.get(asked.voice_key) if asked else None
        if asked is None or voice is None or not await game.released(backend.store, voice.handles):
            # What was erased or taken back goes from the channel too.
            await interaction.edit_original_response(content=OVER, view=None, allowed_mentions=QUIET)
            raise NotFoundError(OVER)
        if self._act == "next":
            await _show_next(interaction, voice.name)
        elif self._act == "leaderboard":
            await _show_leaderboard(interaction, asked, voice.handles)
        else:
            await _vote(interaction, asked, voice.handles, right=(self._act == "a") == asked.real_first)


async def _vote(interaction: Interaction, asked: Round, handles: Sequence[str], *, right: bool) -> None:
    store, person = backend_of(interaction.client).store, person_of(interaction.user)
    if await game.owns_one_of(store, person, handles):
        note = "You know these posts, so your vote is not counted."
    elif await store.game.vote(asked.id, person, right=right):
        note = f"You have been right {_times(await store.game.score(person, asked.place))}."
        content = _content(asked, handles, await store.game.votes_in(asked.id))
        await interaction.edit_original_response(content=content, allowed_mentions=QUIET)
    else:
        note = "You had voted in this round already, and the first vote stands."
    real = "A" if asked.real_first else "B"
    await interaction.followup.send(
        f"{'Right' if right else 'Wrong'}: {real} is the real post. {note}",
        ephemeral=True,
        allowed_mentions=QUIET,
    )


async def _show_leaderboard(interaction: Interaction, asked: Round, handles: Sequence[str]) -> None:
    store = backend_of(interaction.client).store
    scores = await store.game.leaderboard(asked.place)
    found, votes = await store.game.blind_test(asked.voice_key)
    lines = [
        "**Who tells them apart best here**",
        # A mention shows the name that somebody has here now; it calls nobody.
        *(f"{rank}. <@{number_of(score.person)}>: right {_times(score)}" for rank, score in enumerate(scores, 1)),
        *([] if scores else ["Nobody has voted yet."]),
        f"Of {name_of(handles)} the real post was found in {found} of {_votes(votes)}; half means that nobody "
        "can tell.",
    ]
    await interaction.followup.send("\n".join(lines), ephemeral=True, allowed_mentions=QUIET)


async def _show_next(interaction: Interaction, name: str) -> None:
    content, view = await _begin(interaction, name)
    await interaction.followup.send(content, view=view, allowed_mentions=QUIET)


async def _playable(interaction: Interaction) -> list[Entry]:
    backend = backend_of(interaction.client)
    entries = await backend.catalogue.entries(person_of(interaction.user), place_of(interaction))
    return await game.playable(backend.store, entries)


async def _voice(interaction: Interaction, name: str) -> Voice:
    """The voice of that name; without one the channel's, or any that can be played.

    Raises NotFoundError where there is none, RefusedError where its owner keeps it from this person or place.
    """
    backend = backend_of(interaction.client)
    if not name:
        choice = {entry.name for entry in await _playable(interaction)}
        if not choice:
            raise NotFoundError(
                "No posts are released for the game here yet; whoever brought posts can release them by "
                "`/privacy share` with `game` set to True."
            )
        own = await backend.store.places.voice_of(f"discord:{interaction.channel_id}")
        name = own.voice if own and own.voice in choice else secrets.choice(sorted(choice))
    return await backend.catalogue.voice(name, person_of(interaction.user), place_of(interaction))


async def _begin(interaction: Interaction, name: str) -> tuple[str, discord.ui.View]:
    """A new round as a message. Raises a MynahError where there can be none."""
    backend, place = backend_of(interaction.client), place_of(interaction)
    settings = await backend.store.places.settings(place)
    refuse_channel(settings, interaction.channel)
    refuse_hurry(interaction)
    voice = await _voice(interaction, name)
    occasion = Occasion("discord", person_of(interaction.user), place, block_lists(settings))
    with backend.metrics.generate_seconds.time():
        begun = await game.new_round(
            backend.store,
            backend.imitator,
            voice,
            occasion=occasion,
            block_lists=[BlockList(backend.settings.gates.block_list)],
        )
    backend.metrics.replies.labels("discord").inc()
    view = discord.ui.View(timeout=None)
    for act in _LOOKS:
        view.add_item(RoundButton(begun.id, act))
    return _content(begun, voice.record.handles, votes=0), view


def _content(asked: Round, handles: Sequence[str], votes: int) -> str:
    a, b = (escaped(text) for text in asked.shown)
    who = name_of(handles)
    return (
        f"**Which one is real?**\n> **A** {a}\n> **B** {b}\n"
        f"-# One is a real post of {who}, the other was made by an AI that imitates {who}. {_votes(votes)} so far."
    )


def _votes(count: int) -> str:
    return f"{count} {'vote' if count == 1 else 'votes'}"


def _times(score: Score) -> str:
    return f"{score.right} of {score.votes} {'time' if score.votes == 1 else 'times'}"


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (guess,)
DYNAMIC_ITEMS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (RoundButton,)
