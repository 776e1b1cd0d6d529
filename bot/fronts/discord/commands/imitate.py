"""`/imitate`: a voice speaks; where there is none yet, it is trained, or the answer says how to bring posts."""

from typing import Any

import discord
from discord import app_commands

from bot.catalogue import matching
from bot.fronts.discord import run_cards
from bot.fronts.discord.answer_buttons import Another, Picture, PostIn, Report, Share, buttons_for
from bot.fronts.discord.answers import hears_mentions, shown, speak
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.completion import complete_name, complete_partner
from bot.fronts.discord.failures import answer, answer_privately, deferred
from bot.fronts.discord.names import channel_of, person_of, place_of
from bot.fronts.discord.permits import refuse_hurry, refuse_training
from bot.fronts.discord.speech import invitation, name_of
from data.errors import NotFoundError
from data.posts import voice_name
from data.store import ChannelVoice
from trainer.voice import Voice
from trainer.wish import ask_for_voice

HOW_TO_BRING_POSTS = """\
I know no posts of {names} yet, and a voice is learned from posts.{meant}
**If that is your account:** use `/import` right here and attach your archive, the zip as it came or only its \
`tweets.js`. X gives it to you under Settings, "Your account", "Download an archive of your data"; it takes about \
a day. A CSV or JSONL file with one of your posts per row is just as good.
**If it is somebody else's:** only they can bring their posts. Ask them to use `/import`, here or in a direct \
message to me; they also decide who may use the voice."""


@app_commands.command(name="imitate", description="A voice that was learned from somebody's posts answers you")
@app_commands.rename(partner="with", third="and")
@app_commands.describe(
    handle="Whose voice",
    say="What it is to answer; leave it out to hear what is on its mind",
    partner="Mix in a second person",
    third="Mix in a third person",
)
@app_commands.autocomplete(handle=complete_name, partner=complete_partner, third=complete_partner)
async def imitate(
    interaction: Interaction,
    handle: str,
    say: app_commands.Range[str, 1, 500] = "",
    partner: str = "",
    third: str = "",
) -> None:
    refuse_hurry(interaction)
    async with deferred(interaction):
        backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
        handles = backend.catalogue.handles_of(name for name in (handle, partner, third) if name.strip())
        try:
            voice = await backend.catalogue.voice(voice_name(handles), person, place)
        except NotFoundError:
            await backend.catalogue.refuse_kept_back(handles, person, place)
            corpora = await backend.store.posts.handles()
            if missing := [name for name in handles if name not in corpora]:
                await _explain_import(interaction, missing)
            else:
                await _train(interaction, handles, say)
        else:
            await _speak(interaction, voice, say)


async def _speak(interaction: Interaction, voice: Voice, say: str) -> None:
    reply = await speak(interaction, voice, say)
    hint = await _become_the_channels(interaction, voice)
    content = shown(reply, voice.record.handles, hint)
    await answer(interaction, content, ephemeral=False, view=buttons_for(reply.id))


async def _become_the_channels(interaction: Interaction, voice: Voice) -> str:
    """Let the voice answer this channel's mentions from now on; gives the sentence for it where that is new.

    On a server only one that everybody there may use, or mentions of the others would get no answer.
    """
    if interaction.channel is None or not hears_mentions(interaction):
        return ""
    backend, handles = backend_of(interaction.client), voice.record.handles
    if interaction.guild_id and not await backend.catalogue.everybody_may_use(handles, place_of(interaction)):
        return ""
    places, channel = backend.store.places, channel_of(interaction.channel)
    known = await places.voice_of(channel)
    if known is not None and known.voice == voice.record.name:
        return ""
    await places.set_voice(
        ChannelVoice(channel, place_of(interaction), voice.record.name, person_of(interaction.user))
    )
    return invitation(voice.record.handles, on_server=interaction.guild_id is not None)


async def _train(interaction: Interaction, handles: list[str], say: str) -> None:
    await refuse_training(interaction, handles)
    backend = backend_of(interaction.client)
    asked = await ask_for_voice(backend.store, backend.settings, handles, requested_by=person_of(interaction.user))
    if asked.voice is not None:
        await _speak(interaction, asked.voice, say)
        return
    assert asked.run is not None
    card = await run_cards.announce(interaction, asked.run, say)
    there = f"There is no voice of {name_of(handles)} yet, so I train one: {run_cards.link_to(interaction, card)}"
    await answer_privately(interaction, "\n".join([there, *asked.notes]))


async def _explain_import(interaction: Interaction, missing: list[str]) -> None:
    """No dead end: how posts are brought, and what is there under a similar name."""
    entries = await backend_of(interaction.client).catalogue.entries(
        person_of(interaction.user), place_of(interaction)
    )
    similar = [f"`{entry.name}`" for name in missing for entry in matching(entries, name, 3)]
    meant = f" Did you mean {' or '.join(dict.fromkeys(similar))}?" if similar else ""
    await answer_privately(interaction, HOW_TO_BRING_POSTS.format(names=name_of(missing), meant=meant))


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (imitate,)
DYNAMIC_ITEMS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (Another, Share, Picture, PostIn, Report)
