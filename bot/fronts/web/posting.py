"""The operator posts what a voice just said. Nothing is published from here: the bot's own loop does that.

Whether a bot runs, nobody writes down. So it is looked at for a moment whether one takes the draft up.
"""

import asyncio
from contextlib import suppress

from bot.autopost.publishing import DRY_RUN
from bot.autopost.serving import POLL_SECONDS
from bot.fronts.web.backend import OPERATOR, WebBackend
from bot.fronts.web.draft_words import address, outcome
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.store import Draft
from data.store.draft import ENDED, UNSENT

PATIENCE = 4 * POLL_SECONDS  # a bot that runs and is idle has taken it up by then
LOOK_SECONDS = 0.1


async def post(backend: WebBackend, voice: str, platform: str, text: str, *, patience: float = PATIENCE) -> str:
    """Let this text go out in a voice's name; gives where it stands after so many seconds at most, as plain text.

    Raises MynahError, and leaves nothing that could go out, where the text or the voice can't be posted.
    """
    if not text.strip():
        raise InputError("There is nothing to post yet; let a voice say something first.")
    draft = await backend.plans.post_now(voice, platform, text=text, person=OPERATOR)
    try:
        await backend.desk.edit(draft.id, text)
        if backend.settings.dry_run:  # ends as the bot ends it, which may run without one
            return outcome(await _ended(backend, draft, DRY_RUN))
        await backend.desk.approve(draft.id, OPERATOR)
    except BaseException as error:
        with suppress(MynahError):  # what stopped it says more
            await _ended(backend, draft, str(error) if isinstance(error, MynahError) else "it was interrupted.")
        raise
    return _told(await _looked_at(backend, draft, patience))


async def _ended(backend: WebBackend, draft: Draft, why: str) -> Draft:
    moved = await backend.store.drafts.move(draft.id, UNSENT, "rejected", decided_by=OPERATOR, error=why)
    return moved or await _current(backend, draft)


async def _looked_at(backend: WebBackend, draft: Draft, patience: float) -> Draft:
    """The draft at its end, or as it stands when patience is over."""
    end = asyncio.get_running_loop().time() + patience
    while True:
        draft = await _current(backend, draft)
        waits = draft.state == "approved" and draft.error  # for an hour, say
        if draft.state in ENDED or waits or asyncio.get_running_loop().time() >= end:
            return draft
        await asyncio.sleep(LOOK_SECONDS)


async def _current(backend: WebBackend, draft: Draft) -> Draft:
    current = await backend.store.drafts.get(draft.id)
    if current is None:
        raise NotFoundError("What was known of that voice has just been erased, so nothing is posted.")
    return current


def _told(draft: Draft) -> str:
    """Raises RefusedError for what did not go out, unless that is what a dry run is for."""
    if draft.state in ("failed", "rejected") and draft.error != DRY_RUN:
        raise RefusedError(outcome(draft))
    if draft.state == "approved" and not draft.error:
        return f"{outcome(draft)} None has taken it up yet."
    return f"{outcome(draft)} {address(draft)}".rstrip()
