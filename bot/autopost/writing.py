"""Texts for what is due: in the voice, short enough for the platform, and never what was said there before."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from bot.autopost.label import account_settings, labelled_for
from bot.autopost.late import overdue
from bot.autopost.said import Said
from bot.catalogue import Catalogue
from bot.faults import broken, new_reference
from bot.gates import Reason
from bot.imitator import Imitator, Occasion, Reply
from bot.platforms import Platform
from data.errors import MynahError, NothingToSayError, RefusedError
from data.settings import Settings
from data.store import Draft, SaidBeforeError, Store
from trainer.voice import Voice

AT_ONCE = 4  # drafts; the engine speaks those of one voice together
AFTER_FAULT = timedelta(minutes=1)

log = structlog.get_logger()


class DraftWriter:
    """Writes for the platforms that are connected."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        imitator: Imitator,
        catalogue: Catalogue,
        platforms: Mapping[str, Platform],
    ) -> None:
        self._store = store
        self._settings = settings
        self._imitator = imitator
        self._catalogue = catalogue
        self._platforms = platforms

    async def write_due(self) -> int:
        """Write what is due, oldest first; gives how many drafts were seen to."""
        now = datetime.now(UTC)
        waiting = await self._store.drafts.in_state("due")
        due = [draft for draft in waiting if draft.platform in self._platforms and draft.not_before <= now]
        said: dict[str, Said] = {}
        for platform in {draft.platform for draft in due}:
            texts = await self._store.drafts.said(platform)
            said[platform] = await asyncio.to_thread(Said, texts)  # many take long to index
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(draft: Draft) -> None:
            async with turns:
                await self.write(draft, said[draft.platform])

        async with asyncio.TaskGroup() as group:
            for draft in due:
                group.create_task(in_turn(draft))
        return len(due)

    async def write(self, draft: Draft, said: Said | None = None) -> None:
        """Write one that is due. It then waits for approval, is approved, failed or rejected, or due again."""
        if late := overdue(draft, account_settings(self._settings, draft.platform)):
            await self._store.drafts.move(draft.id, "due", late[0], error=late[1])
            return
        try:
            voice = await self._catalogue.voice(draft.voice, "", "")
            await self._try(voice, draft, said or Said())
        except RefusedError as error:  # its owner opted out, or keeps it to a place
            await self._store.drafts.move(draft.id, "due", "rejected", error=str(error))
        except MynahError as error:
            await self._store.drafts.move(draft.id, "due", "failed", error=str(error))
        except Exception as error:  # of this draft alone: the others must be written
            reference = new_reference()
            log.error("a draft could not be written", draft=draft.id, reference=reference, exc_info=error)
            await self._failed_once(draft, broken(reference), AFTER_FAULT)

    async def _try(self, voice: Voice, draft: Draft, said: Said) -> None:
        """Until there is a text or the draft has failed; each time the voice says something else."""
        unwritten: Draft | None = draft
        while unwritten is not None:
            try:
                reply = await self._speak(voice, unwritten, said)
                await self._store.drafts.write(
                    unwritten,
                    "draft" if unwritten.approve else "approved",
                    reply.text,
                    voice_key=voice.record.key,
                    repeats=partial(said.repeats, reply.text),
                )
                return
            except (NothingToSayError, SaidBeforeError) as error:
                unwritten = await self._failed_once(unwritten, str(error), timedelta(0))

    async def _speak(self, voice: Voice, draft: Draft, said: Said) -> Reply:
        platform = self._platforms[draft.platform]
        account = account_settings(self._settings, draft.platform)
        said.learn(await self._store.drafts.said(draft.platform))

        def check(text: str) -> Reason | None:
            if platform.length(labelled_for(account, text)) > platform.longest:
                return Reason.TOO_LONG
            if platform.links(text):
                return Reason.LINK
            return said.check(text)

        occasion = Occasion(draft.platform, person=draft.person, place=draft.platform, check=check)
        if draft.reply_to:
            return await self._imitator.answer(voice, draft.prompt, occasion=occasion)
        return (await self._imitator.continue_opening(voice, draft.prompt, 1, occasion=occasion))[0]

    async def _failed_once(self, draft: Draft, why: str, rest: timedelta) -> Draft | None:
        """Count a try that came to nothing; gives the draft where it may be tried again."""
        attempts = draft.attempts + 1
        if attempts >= self._settings.autopost.attempts:
            await self._store.drafts.move(draft.id, "due", "failed", attempts=attempts, error=why)
            return None
        return await self._store.drafts.move(
            draft.id, "due", "due", attempts=attempts, error=why, not_before=datetime.now(UTC) + rest
        )
