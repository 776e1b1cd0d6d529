"""`/voice list` and `/voice info`: which voices may be used here, and what is known of one; the group's other
commands stand in the modules beside this one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from discord import app_commands

from bot.catalogue import Entry
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.card_text import HELD_OUT, counted, files, learned
from bot.fronts.discord.commands.keeping import delete, export
from bot.fronts.discord.commands.training import cancel, refresh, status, train, train_voice
from bot.fronts.discord.completion import complete_name
from bot.fronts.discord.failures import answer, deferred
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.speech import LONGEST_MESSAGE, escaped, name_of
from bot.fronts.run_words import duration
from data.errors import NotFoundError
from data.posts import voice_name
from data.store import Right
from trainer.voice import Voice, VoiceRecord

ROOM = 60  # characters kept for the line that says how many more there are

voices = app_commands.Group(name="voice", description="The voices here: what there is, how one is made and kept")
_OTHERS: tuple[app_commands.Command[Any, Any, Any], ...] = (train_voice, refresh, status, cancel, export, delete)
for other in _OTHERS:
    voices.add_command(other)


@voices.command(name="list", description="The voices that you may use here, and posts a voice could be made of")
async def list_voices(interaction: Interaction) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
        entries = await backend.catalogue.entries(person, place)
        if not entries:
            raise NotFoundError("There is no voice here yet; `/import` brings posts to make one of.")
        rights = await backend.store.consent.rights({handle for entry in entries for handle in entry.handles})
        lines = []
        for ready, heading in ((True, "**Voices**"), (False, "**Posts without a voice yet**")):
            listed = [_line(entry, rights, person) for entry in entries if entry.ready is ready]
            lines += [heading, *sorted(listed)] if listed else []
        await answer(interaction, _cut(lines))


def _line(entry: Entry, rights: Mapping[str, Right], person: str) -> str:
    owners = {rights[handle].owner if handle in rights else "" for handle in entry.handles}
    whose = "yours" if owners == {person} else "operator's" if owners == {""} else "shared here"
    return f"- {name_of(entry.handles)} · {whose}"


def _cut(lines: Sequence[str]) -> str:
    """As many lines as a message holds, and how many are left out."""
    kept: list[str] = []
    for line in lines:
        if len("\n".join([*kept, line])) > LONGEST_MESSAGE - ROOM:
            return "\n".join([*kept, f"… and {len(lines) - len(kept)} more: `/imitate` completes names."])
        kept.append(line)
    return "\n".join(kept)


@voices.command(name="info", description="What a voice was made of, and how well it learned")
@app_commands.describe(handle="Whose voice")
@app_commands.autocomplete(handle=complete_name)
async def info(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
        handles = backend.catalogue.handles_of([handle])
        await backend.catalogue.refuse_kept_back(handles, person, place)
        summaries = [summary for name in handles if (summary := await backend.store.posts.summary(name))]
        lines = [f"**{name_of(handles)}**", *(counted(summary) for summary in summaries)]
        plot = b""
        try:
            found = await backend.catalogue.voice(voice_name(handles), person, place)
        except NotFoundError:
            if not summaries:
                raise
            lines.append("No voice was made of these posts yet; `/imitate` makes one.")
        else:
            from bot.plot import loss_plot  # no start waits for Pillow

            lines += await _about(backend, found)
            plot = loss_plot(found.record.held_out_loss_before, found.record.history)
        await answer(interaction, "\n".join(lines)[:LONGEST_MESSAGE], attachments=files(plot))


async def _about(backend: Backend, voice: Voice) -> list[str]:
    record = voice.record
    found, votes = await backend.store.game.blind_test(record.key)
    rejections = await backend.store.replies.rejections(record.key)
    made = int(datetime.fromisoformat(record.created_at).timestamp())
    lines = [
        f"{learned(record)}.",
        HELD_OUT,
        f"Made on <t:{made}:f> in {duration(record.seconds)} from the base {_base(record)}.",
        f"Blind test: people found the real post in {found} of {votes} votes."
        if votes
        else "Blind test: nobody has voted on it yet; `/guess` plays.",
    ]
    if rejections:
        reasons = sorted(rejections.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons)
        lines.append(f"Held back before it was said: {listed}.")
    return lines


def _base(record: VoiceRecord) -> str:
    """Its name; of a folder only the last part, as the rest is the operator's."""
    return escaped(Path(record.base).name if Path(record.base).is_absolute() else record.base)


COMMANDS: tuple[app_commands.Command[Any, Any, Any] | app_commands.Group, ...] = (voices, train)
