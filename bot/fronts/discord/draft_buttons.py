"""The buttons under a draft's card, and the form behind Edit. Each knows its draft by number, in any process.

What they change shows on the card by itself: whoever decides, and wherever, the card follows the draft.
"""

import re
from typing import Any, Self

import discord

from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.draft_text import decided
from bot.fronts.discord.failures import explained
from bot.fronts.discord.names import person_of
from bot.fronts.discord.operators import refuse_strangers
from data.errors import NotFoundError, RefusedError
from data.store import Draft

LONGEST_FORM = 4_000  # characters, Discord's limit for what is typed into a form

_LOOKS = {
    "approve": ("Approve", discord.ButtonStyle.success),
    "another": ("Another", discord.ButtonStyle.secondary),
    "edit": ("Edit", discord.ButtonStyle.secondary),
    "reject": ("Reject", discord.ButtonStyle.danger),
}


def buttons_of(draft: Draft) -> discord.ui.View | None:
    """The row under a card; None where nothing is left to be decided."""
    if draft.state != "draft":
        return None
    view = discord.ui.View(timeout=None)
    for act in _LOOKS:
        view.add_item(DraftButton(draft.id, act))
    return view


def mark_of(number: int) -> str:
    """The custom_id by which the card of a draft is known again."""
    return f"mynah:draft:{number}:approve"


class DraftButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"mynah:draft:(?P<draft>\d{1,18}):(?P<act>approve|another|edit|reject)",
):
    """One of the four under a draft."""

    def __init__(self, number: int, act: str) -> None:
        label, style = _LOOKS[act]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"mynah:draft:{number}:{act}"))
        self._number = number
        self._act = act

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["draft"]), match["act"])

    @explained
    async def callback(self, interaction: Interaction) -> None:
        refuse_strangers(interaction)
        desk = backend_of(interaction.client).desk
        if self._act == "edit":
            await interaction.response.send_modal(EditForm(await _waiting(interaction, self._number)))
            return
        await interaction.response.defer()
        if self._act == "another":
            await desk.another(self._number)
        else:
            await decide(interaction, self._number, approve=self._act == "approve")


class EditForm(discord.ui.Modal):
    """The text of a draft, to be changed."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(title=f"Edit draft {draft.id}")
        self._number = draft.id
        self._text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="text", style=discord.TextStyle.paragraph, default=draft.text, max_length=LONGEST_FORM
        )
        self.add_item(
            discord.ui.Label(
                text="What is posted", description="The AI label is added by itself.", component=self._text
            )
        )

    @explained
    async def on_submit(self, interaction: Interaction) -> None:
        refuse_strangers(interaction)
        await interaction.response.defer()
        await backend_of(interaction.client).desk.edit(self._number, self._text.value)


async def decide(interaction: Interaction, number: int, *, approve: bool) -> Draft:
    """Approve or reject in the name of who asked. Raises RefusedError that says who was faster."""
    backend, person = backend_of(interaction.client), person_of(interaction.user)
    try:
        return await (backend.desk.approve if approve else backend.desk.reject)(number, person)
    except RefusedError as error:
        draft = await backend.store.drafts.get(number)
        faster = decided(draft) if draft is not None and draft.state != "draft" else ""
        raise RefusedError(f"{faster} {error}".lstrip()) from None


async def _waiting(interaction: Interaction, number: int) -> Draft:
    """Raises a MynahError where the draft can't be changed any more."""
    draft = await backend_of(interaction.client).store.drafts.get(number)
    if draft is None:
        raise NotFoundError(f"There is no draft {number} any more.")
    if draft.state != "draft":
        raise RefusedError(f"{decided(draft)} Draft {number} can't be changed any more.".lstrip())
    return draft
