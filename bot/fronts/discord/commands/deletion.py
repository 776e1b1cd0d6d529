"""`/privacy delete`: erases what somebody brought and what is kept about them, after they confirmed it."""

from collections import Counter
from typing import Any

import discord
import structlog
from discord import app_commands

from bot.erasing import erase, is_here, opt_out
from bot.fronts.discord.backend import Backend, Interaction, backend_of
from bot.fronts.discord.failures import answer, deferred, explained
from bot.fronts.discord.names import person_of
from bot.fronts.discord.privacy_words import counted, erasure_by_operator
from bot.fronts.discord.speech import QUIET, name_of
from data.errors import MynahError, NotFoundError
from data.posts import normalise_handle

CONFIRM_SECONDS = 600.0

log = structlog.get_logger()


@app_commands.command(
    name="delete", description="Erase posts and voices that you brought, or everything about you"
)
@app_commands.describe(handle="Erase only this account's posts and voices; everything about you if you don't say")
async def delete(interaction: Interaction, handle: str = "") -> None:
    async with deferred(interaction, ephemeral=True):
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        owned = [right.handle for right in await backend.store.consent.owned_by(person)]
        name = normalise_handle(handle) if handle.strip() else ""
        if name and name not in owned:
            await answer(interaction, await _leave_to_operator(backend, name, person))
            return
        handles = [name] if name else owned
        if not handles and not await backend.store.records_of(person):
            await answer(interaction, "Nothing is kept about you.")
            return
        loses = (
            [f"all posts of {name_of(handles)}, every voice made of them, and what these said"] if handles else []
        )
        loses += (
            [] if name else ["your questions and their answers, votes, reports and the record of your trainings"]
        )
        question = (
            f"This erases {', and '.join(loses)}. It can't be undone. Messages that stand in channels stay there; "
            "who runs the server can delete them."
        )
        await answer(interaction, question, view=Confirmation(handles, everything=not name))


async def _leave_to_operator(backend: Backend, handle: str, person: str) -> str:
    """Posts that somebody else brought are silenced at once; erasing them is the operator's decision."""
    if not await is_here(backend.store, handle):
        raise NotFoundError(f"Nothing of @{handle} is here; `/privacy optout` keeps it so.")
    await opt_out(backend.store, handle, person, wants_erasure=True)
    return (
        f"You did not bring the posts of {name_of([handle])}, so I can't tell whether they are yours. From this "
        "moment on nobody can use, train or import them here. " + erasure_by_operator(backend.settings)
    )


class Confirmation(discord.ui.View):
    """Asked only of the one who sees it; after a restart they ask again."""

    def __init__(self, handles: list[str], *, everything: bool) -> None:
        super().__init__(timeout=CONFIRM_SECONDS)
        self._handles = handles
        self._everything = everything

    @discord.ui.button(label="Erase", style=discord.ButtonStyle.danger)
    @explained
    async def confirm(self, interaction: Interaction, _button: discord.ui.Button[Any]) -> None:
        self.stop()
        await interaction.response.defer()
        await interaction.edit_original_response(content="Erasing ...", view=None)
        backend, person = backend_of(interaction.client), person_of(interaction.user)
        owned = {right.handle for right in await backend.store.consent.owned_by(person)}  # by now
        handles = [handle for handle in self._handles if handle in owned]
        erased = await _erase(backend, handles, person)
        if self._everything:
            erased.update(await backend.store.forget_person(person))
        await interaction.edit_original_response(
            content="\n".join(["Erased:", *counted(erased), *_blocked(handles)]), allowed_mentions=QUIET
        )

    @discord.ui.button(label="Keep it", style=discord.ButtonStyle.secondary)
    @explained
    async def keep(self, interaction: Interaction, _button: discord.ui.Button[Any]) -> None:
        self.stop()
        await interaction.response.edit_message(content="Nothing was erased.", view=None)


async def _erase(backend: Backend, handles: list[str], person: str) -> Counter[str]:
    """Rows by table. Should it break off, the handle stays silent and the operator sees that it waits."""
    erased: Counter[str] = Counter()
    for handle in handles:
        await opt_out(backend.store, handle, person, wants_erasure=True)
        try:
            forgotten = await erase(backend.store, backend.settings, handle)
        except MynahError as error:
            log.error("could not erase", handle=handle, why=str(error))
            raise MynahError(
                f"Not all of @{handle} could be erased yet; it is silent, and the operator of this bot will see "
                "that it waits."
            ) from None
        backend.imitator.forget(forgotten.voice_keys)
        await backend.store.consent.erased(handle)
        erased.update(forgotten.counts)
    return erased


def _blocked(handles: list[str]) -> list[str]:
    if not handles:
        return []
    return [
        f"{name_of(handles)} can't be imported, trained or spoken here until you lift that by `/privacy optin`; "
        "for that the handle and your account's number stay on record."
    ]
