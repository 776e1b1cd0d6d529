"""Who named the account and is due an answer: each mention is weighed once and entered as a draft that is due.

How far was read moves on in the same transaction, so that a mention is neither lost nor entered twice, whenever
the process ends.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from bot.catalogue import Catalogue
from bot.fronts.asked import Asked
from bot.gates import BlockList
from bot.gates.filters import block_lists
from bot.platforms import Platform, Summons
from data.errors import MynahError, RefusedError
from data.settings import PlatformSettings, Settings
from data.store import NewDraft, PlaceSettings, Store

DAY = timedelta(days=1)

# What a whole text has to be, "please" aside, for its author to be left alone from then on.
STOP = {"stop", "stop it", "unsubscribe", "be quiet", "quiet"}

_WORDS = re.compile(r"@?\w+")
_NAMES_FIRST = re.compile(r"\A\s*(?:@\S+\s+)+(?=\S)")  # those of others, which a reply begins with by itself

log = structlog.get_logger()


class SummonsDesk:
    """Looks for mentions on one platform and enters those that are to be answered."""

    def __init__(
        self, platform: Platform, own: str, of_platform: PlatformSettings, settings: Settings, store: Store
    ) -> None:
        self._platform = platform
        self._own = own  # the id of the bot's account
        self._settings = of_platform
        self._store = store
        self._catalogue = Catalogue(store, settings)
        self._blocked = (BlockList(settings.gates.block_list), *block_lists(PlaceSettings()))
        self._cursor = f"mentions {platform.name}"
        self._missed_voice = False

    async def look(self) -> int:
        """Enter what came since the last look; gives how many answers are due.

        The first look of all only finds out where to begin. Raises what `Platform.heard` raises.
        """
        position = await self._store.standing.cursor(self._cursor) or ""
        heard = await self._platform.heard(position)
        summons = [summons for summons in heard.summons if summons.author != self._own]
        await self._fall_silent(summons)
        due = await self._due(summons)
        entered = 0
        if due or heard.position != position:
            entered = await self._store.drafts.enter_summons(due, self._cursor, heard.position)
        await self._keep_silent()
        return entered

    async def _fall_silent(self, heard: Sequence[Summons]) -> None:
        """Obey those who want that, however long ago they said so, before anything else they said is weighed."""
        for person in {self._person(summons) for summons in heard if asks_for_silence(summons.text)}:
            await self._store.standing.silence(person)
            rejected = await self._store.drafts.silence(person)
            log.info("silent for ever", person=person, rejected=rejected)

    async def _due(self, heard: Sequence[Summons]) -> list[NewDraft]:
        silent = await self._store.standing.silenced()
        due: list[NewDraft] = []
        for summons in heard:
            if self._person(summons) in silent or await self._store.drafts.keyed(self._key(summons)):
                continue
            try:
                due.append(await self._answer_to(summons, due))
            except MynahError as error:
                log.info("a mention is passed over", mention=summons.id, why=str(error))
        return due

    async def _answer_to(self, summons: Summons, due: Sequence[NewDraft]) -> NewDraft:
        """Raises MynahError with the reason where it is not to be answered."""
        if summons.created_at < self._oldest():
            raise RefusedError("It is too old.")
        asked = Asked.from_text(_NAMES_FIRST.sub("", summons.text))
        if any(blocked.blocks(asked.text) for blocked in self._blocked):
            raise RefusedError("It holds a blocked word.")
        person = self._person(summons)
        await self._refuse_too_many(person, summons.thread, due)
        return NewDraft(
            self._key(summons),
            self._platform.name,
            await self._voice(asked),
            prompt=asked.text,
            reply_to=summons.id,
            person=person,
            thread=summons.thread,
        )

    async def _refuse_too_many(self, person: str, thread: str, due: Sequence[NewDraft]) -> None:
        theirs = [draft for draft in due if draft.person == person]
        answers, limits = self._store.drafts.answers, self._settings
        today = await answers(person, since=datetime.now(UTC) - DAY) + len(theirs)
        if limits.person_answers and today >= limits.person_answers:
            raise RefusedError("They had their answers for a day.")
        here = await answers(person, thread=thread) + sum(draft.thread == thread for draft in theirs)
        if limits.thread_answers and here >= limits.thread_answers:
            raise RefusedError("They had their answers in this thread.")

    async def _voice(self, asked: Asked) -> str:
        """The name of a voice that is there and open to everybody."""
        name = asked.voice or self._settings.voice
        if not name:
            if not self._missed_voice:
                self._missed_voice = True
                log.warning(
                    f"mentions that name no voice stay unanswered; set MYNAH_{self._platform.name.upper()}__VOICE"
                )
            raise RefusedError("It names no voice, and the account has none.")
        return (await self._catalogue.voice(name, "", "")).record.name

    async def _keep_silent(self) -> None:
        """One that was being sent when its person asked for silence may have come back to be sent again."""
        silent = await self._store.standing.silenced()
        for draft in await self._store.drafts.in_state("due", "approved", platform=self._platform.name):
            if draft.reply_to and draft.person in silent:
                await self._store.drafts.silence(draft.person)

    def _oldest(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=self._settings.mention_minutes)

    def _key(self, summons: Summons) -> str:
        """The same for every version of a post, so that editing it does not ask again."""
        return f"{self._platform.name} mention {summons.original}"

    def _person(self, summons: Summons) -> str:
        return f"{self._platform.name}:{summons.author}"


def asks_for_silence(text: str) -> bool:
    """Whether somebody wants never to be answered again; case and punctuation don't matter."""
    words = _WORDS.findall(_NAMES_FIRST.sub("", text).casefold())
    return " ".join(word for word in words if word != "please") in STOP
