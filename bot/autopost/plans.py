"""What is to be posted: schedules made, paused and removed, and single posts asked for at once.

Nothing is planned that could not go out: the voice must be there and open to everyone, the platform set up, and
its rules for bots confirmed.
"""

import uuid
from datetime import UTC, datetime

from bot.autopost.checklist import refuse_unconfirmed
from bot.autopost.label import account_settings
from bot.autopost.timing import Timing
from bot.catalogue import Catalogue
from bot.gates.live import find_live
from data.errors import InputError, NotFoundError
from data.settings import Settings
from data.store import Draft, NewDraft, NewSchedule, Schedule, Store

LONGEST_PROMPT = 140  # characters; what is longer leaves a voice no room within a post


class Plans:
    """Every method raises MynahError with what to do."""

    def __init__(self, store: Store, settings: Settings, catalogue: Catalogue) -> None:
        self._store = store
        self._settings = settings
        self._catalogue = catalogue

    async def add(
        self,
        voice: str,
        platform: str,
        timing: Timing,
        *,
        prompt: str = "",
        approve: bool = False,
        channel: str = "",
        person: str = "",
    ) -> Schedule:
        """A schedule from the timing's next time on. Voices are named as the catalogue has them: "@b + a"."""
        name, prompt = await self._checked(voice, platform, prompt)
        nominal = timing.next_after(datetime.now(UTC))
        return await self._store.schedules.add(
            NewSchedule(
                platform=platform,
                voice=name,
                timing=timing.to_json(),
                prompt=prompt,
                approve=approve,
                channel=channel,
                person=person,
                nominal_at=nominal,
                next_at=timing.moved(nominal),
            )
        )

    async def pause(self, number: int) -> None:
        if not await self._store.schedules.pause(number):
            raise _no_schedule(number)

    async def resume(self, number: int) -> Schedule:
        """From its next time on; what passed meanwhile is not made up."""
        schedule = await self._store.schedules.get(number)
        if schedule is None:
            raise _no_schedule(number)
        if not schedule.paused:
            return schedule
        await self._checked(schedule.voice, schedule.platform, schedule.prompt)
        timing = Timing.from_json(schedule.timing)
        nominal = timing.next_after(datetime.now(UTC))
        await self._store.schedules.resume(number, nominal, timing.moved(nominal))
        resumed = await self._store.schedules.get(number)
        if resumed is None:
            raise _no_schedule(number)
        return resumed

    async def remove(self, number: int) -> None:
        """Its posts that are not on their way yet are rejected."""
        if not await self._store.schedules.remove(number):
            raise _no_schedule(number)

    async def post_now(
        self,
        voice: str,
        platform: str,
        prompt: str = "",
        approve: bool = False,
        *,
        text: str = "",
        channel: str = "",
        person: str = "",
    ) -> Draft:
        """A post that is due now; the bot, or `Autoposting.once`, brings it out.

        `text` is what the voice said already: nothing is written then, and it waits for approval.
        """
        name, prompt = await self._checked(voice, platform, prompt)
        number = await self._store.drafts.enter(
            NewDraft(
                key=f"post now {uuid.uuid4().hex}",
                platform=platform,
                voice=name,
                prompt=prompt,
                approve=approve or bool(text),
                text=text,
                channel=channel,
                person=person,
            )
        )
        draft = await self._store.drafts.get(number) if number is not None else None
        if draft is None:
            raise NotFoundError(f"What was known of @{name} has just been erased, so nothing is posted.")
        return draft

    async def _checked(self, voice: str, platform: str, prompt: str) -> tuple[str, str]:
        """The voice's name and the prompt as they are kept."""
        account_settings(self._settings, platform)
        found = await self._catalogue.voice(voice, "", "")  # for nobody in particular, so it is open to everyone
        await refuse_unconfirmed(self._store, platform)
        prompt = " ".join(prompt.split())
        if len(prompt) > LONGEST_PROMPT:
            raise InputError(f"The opening has {len(prompt)} characters; shorten it to {LONGEST_PROMPT}.")
        if find_live(prompt):
            raise InputError("An opening may hold no link, mention or cashtag; write it without.")
        return found.record.name, prompt


def _no_schedule(number: int) -> NotFoundError:
    return NotFoundError(f"There is no schedule {number}; `mynah autopost list` shows which there are.")
