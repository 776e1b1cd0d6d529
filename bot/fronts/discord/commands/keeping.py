"""`/voice export` and `/voice delete`: what the owners of a voice may do with it."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import discord
import structlog
from discord import app_commands

from bot.erasing import delete_voices
from bot.exporting import export_apart
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.completion import complete_voice
from bot.fronts.discord.failures import answer, deferred, explained
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.permits import may_manage
from bot.fronts.discord.speech import QUIET, name_of
from bot.importing import scratch_folder
from data.errors import MynahError, NotFoundError, RefusedError
from data.posts import voice_name
from data.settings import Settings
from data.store import VoiceRow

CONFIRM_SECONDS = 600.0
MEGABYTE = 2**20

log = structlog.get_logger()


@app_commands.command(name="export", description="Take your voice home: a model folder for transformers, zipped")
@app_commands.describe(handle="Whose voice; it must be all yours")
@app_commands.autocomplete(handle=complete_voice)
async def export(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        record = (await backend.catalogue.voice(handle, person, place_of(interaction))).record
        if not (await backend.store.consent.owned(record.handles, person)).issuperset(record.handles):
            raise RefusedError("A voice is handed only to who brought all of its posts; you did not.")
        if backend.exporting.locked():
            raise RefusedError("Another voice is being packed right now; ask again in a minute.")
        async with backend.exporting, scratch_folder(backend.settings) as folder:
            archive = await _pack(backend.settings, record.key, folder)
            _refuse_large(archive, interaction.filesize_limit, record.name)
            file = discord.File(archive, re.sub(r"[^\w.-]", "_", f"{record.name}.zip"))
            content = f"The voice of {name_of(record.handles)}; its README says how to use it. Label it as AI."
            await answer(interaction, content, file=file)


async def _pack(settings: Settings, key: str, folder: Path) -> Path:
    """A zip, made in `folder`, of the voice that was checked and of no newer one by its name.

    Raises MynahError where the export fails.
    """
    await export_apart(settings, key, folder / "voice")
    return Path(await asyncio.to_thread(shutil.make_archive, str(folder / "voice"), "zip", folder / "voice"))


def _refuse_large(archive: Path, limit: int, name: str) -> None:
    size = archive.stat().st_size
    if size > limit:
        raise RefusedError(
            f"The voice has {size / MEGABYTE:.1f} MB and Discord takes {limit / MEGABYTE:.0f} MB here; the "
            f"operator of this bot can hand it to you with `mynah export {name} FOLDER`."
        )


@app_commands.command(name="delete", description="Delete a voice; the posts it learned from stay")
@app_commands.describe(handle="Whose voice")
@app_commands.autocomplete(handle=complete_voice)
async def delete(interaction: Interaction, handle: str) -> None:
    async with deferred(interaction, ephemeral=True):
        backend = backend_of(interaction.client)
        row = await backend.store.voices.newest(voice_name(backend.catalogue.handles_of([handle])))
        if row is None:
            raise NotFoundError("There is no such voice; see `/voice list`.")
        await _refuse_deleting(interaction, row)
        question = f"Delete the voice of {name_of(row.handles)}? The posts stay, so that it can be made anew."
        await answer(interaction, question, view=Confirmation(row))


async def _refuse_deleting(interaction: Interaction, row: VoiceRow) -> None:
    """Raises RefusedError but for who owns a part of it, and for who manages the server that all of it is of."""
    backend, person, place = backend_of(interaction.client), person_of(interaction.user), place_of(interaction)
    rights = await backend.store.consent.rights(row.handles)
    owns = any(right.owner == person for right in rights.values())
    of_this_place = all(
        name in rights and rights[name].place == place and rights[name].audience == "place" for name in row.handles
    )
    if not (owns or (of_this_place and may_manage(interaction))):
        raise RefusedError(
            f"Only someone who brought posts of {row.name} may delete that voice, or has Manage Server where they "
            "are shared; the operator of this bot may, too."
        )


class Confirmation(discord.ui.View):
    """Asked only of the one who sees it; after a restart they ask again."""

    def __init__(self, row: VoiceRow) -> None:
        super().__init__(timeout=CONFIRM_SECONDS)
        self._row = row

    @discord.ui.button(label="Delete the voice", style=discord.ButtonStyle.danger)
    @explained
    async def confirm(self, interaction: Interaction, _button: discord.ui.Button[Any]) -> None:
        self.stop()
        await interaction.response.defer()
        await _refuse_deleting(interaction, self._row)  # rights may have changed since
        await _delete(backend_of(interaction.client), self._row)
        content = f"The voice of {name_of(self._row.handles)} is deleted. `/imitate` can have it made anew."
        await interaction.edit_original_response(content=content, view=None, allowed_mentions=QUIET)

    @discord.ui.button(label="Keep it", style=discord.ButtonStyle.secondary)
    @explained
    async def keep(self, interaction: Interaction, _button: discord.ui.Button[Any]) -> None:
        self.stop()
        await interaction.response.edit_message(content="Nothing was deleted.", view=None)


async def _delete(backend: Backend, row: VoiceRow) -> None:
    try:
        keys = await delete_voices(backend.store, backend.settings, row.name)
    except MynahError as error:
        log.error("could not delete", voice=row.name, why=str(error))
        raise MynahError(
            "Not all of the voice could be deleted; the operator finds the reason in the log."
        ) from None
    backend.imitator.forget(keys)
