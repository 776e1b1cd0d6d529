"""Where people decide about drafts: approve, reject, ask for another, or put words of their own in the place.

Whatever a person writes here passes the gates as the voice's words do.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.autopost.label import account_settings, labelled_for
from bot.autopost.said import Said
from bot.catalogue import Catalogue
from bot.gates import BlockList, Gates, Reason
from bot.gates.copies import CopyIndex
from bot.gates.words import WHY
from bot.platforms import Platform
from data.errors import InputError, NotFoundError, RefusedError
from data.posts import PLATFORMS
from data.settings import Settings
from data.store import Draft, DraftState, Store
from data.store.draft import UNSENT

STANDS: Mapping[DraftState, str] = {
    "due": "waiting for its text",
    "draft": "waiting for approval",
    "approved": "approved",
    "posting": "being sent",
    "unknown": "sent, and being looked for",
    "posted": "posted",
    "failed": "failed",
    "rejected": "rejected",
}

log = structlog.get_logger()


class Desk:
    """Every method raises MynahError with what to do; each gives the draft as it then stands.

    `platforms` are only asked how long an edited text is, and what it links.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        catalogue: Catalogue,
        platforms: Mapping[str, Platform] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._catalogue = catalogue
        self._platforms = platforms or {}

    async def approve(self, number: int, person: str, *, seen: str | None = None) -> Draft:
        """Let it go out. What waits longest for its turn goes first.

        `seen` is the text that the person read, where a front shows drafts longer than they may stay as they are.
        """
        draft = await self._get(number)
        await self._catalogue.voice(draft.voice, "", "")
        if seen is not None and (await self._get(number)).text != seen:
            raise RefusedError(f"Draft {number} reads differently by now; look at it again before you approve it.")
        now = datetime.now(UTC)
        moved = await self._store.drafts.move(
            number, "draft", "approved", not_before=now, approved_at=now, decided_by=person
        )
        return await self._decided(number, moved, "approved", person)

    async def reject(self, number: int, person: str) -> Draft:
        """It never goes out. Also one that is due or approved, as long as nothing was sent."""
        await self._get(number)
        moved = await self._store.drafts.move(number, UNSENT, "rejected", decided_by=person)
        return await self._decided(number, moved, "rejected", person)

    async def another(self, number: int) -> Draft:
        """Have the voice say something else in its place."""
        await self._get(number)
        now = datetime.now(UTC)
        moved = await self._store.drafts.move(
            number, "draft", "due", text="", attempts=0, error="", not_before=now
        )
        return await self._decided(number, moved, "another was asked for", "")

    async def edit(self, number: int, text: str) -> Draft:
        """Put other words in its place; it still waits for approval."""
        draft = await self._get(number)
        text = text.strip()
        voice = await self._catalogue.voice(draft.voice, "", "")
        posts = await asyncio.to_thread(voice.training_posts)
        others = await self._store.drafts.said(draft.platform, besides=number)
        said = await asyncio.to_thread(Said, others)
        copies = await asyncio.to_thread(CopyIndex, posts)
        gates = Gates(copies, BlockList(self._settings.gates.block_list), further=said.check)
        self._refuse_unfit(draft, text)
        if reason := gates.check(text):
            raise _unspeakable(reason)
        if draft.state != "draft":
            return await self._decided(number, None, "edited", "")
        moved = await self._store.drafts.write(draft, "draft", text, repeats=partial(said.repeats, text))
        return await self._decided(number, moved, "edited", "")

    def _refuse_unfit(self, draft: Draft, text: str) -> None:
        account = account_settings(self._settings, draft.platform)
        platform = self._platforms.get(draft.platform)
        if platform is None:
            raise InputError(f"{PLATFORMS[draft.platform]} is not connected; edit the draft where the bot runs.")
        length = platform.length(labelled_for(account, text))
        if length > platform.longest:
            raise RefusedError(
                f"With its label that is {length} characters long, and {PLATFORMS[draft.platform]} takes "
                f"{platform.longest}; shorten it."
            )
        if platform.links(text):
            raise _unspeakable(Reason.LINK)

    async def _get(self, number: int) -> Draft:
        draft = await self._store.drafts.get(number)
        if draft is None:
            raise NotFoundError(f"There is no draft {number}; `mynah autopost queue` shows which there are.")
        return draft

    async def _decided(self, number: int, moved: Draft | None, what: str, person: str) -> Draft:
        if moved is None:
            draft = await self._get(number)
            raise RefusedError(f"Draft {number} is {STANDS[draft.state]} by now; nothing was changed.")
        log.info("a draft was decided on", draft=number, decision=what, person=person)
        return moved


def _unspeakable(reason: Reason) -> RefusedError:
    return RefusedError(f"That can't be posted, as {WHY[reason]}; write it in other words.")
