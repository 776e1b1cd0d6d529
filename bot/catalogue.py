"""What a person may call up in a place: the voices that can speak, and the corpora a voice could be trained of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from data.errors import InputError, NotFoundError, RefusedError
from data.posts import handles_in, voice_name
from data.settings import Settings
from data.store import Store, VoiceRow
from trainer.voice import Voice
from trainer.wish import MOST_HANDLES

GOOD_ENOUGH = 60  # of 100: below this a fuzzy match surprises more than it helps
LONGEST_TYPED = 100  # characters that are compared with the names


@dataclass(frozen=True)
class Entry:
    """A voice or, where `ready` is False, a corpus without one."""

    name: str  # as `data.posts.voice_name` has it
    handles: tuple[str, ...]
    ready: bool


class Catalogue:
    """Looks voices up for somebody: what its owner keeps from them is not there."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def entries(self, person: str, place: str) -> list[Entry]:
        """Ready voices first, each group by name. Quick enough to be asked at every letter that somebody types."""
        voices = await self._store.voices.names()
        corpora = set(await self._store.posts.handles())
        usable = await self._store.consent.usable(corpora.union(*voices.values()), person, place)
        ready = [Entry(name, handles, True) for name, handles in voices.items() if usable.issuperset(handles)]
        waiting = (usable & corpora) - voices.keys()
        return ready + [Entry(handle, (handle,), False) for handle in sorted(waiting)]

    def handles_of(self, names: Iterable[str]) -> list[str]:
        """The handles that `names` stand for, sorted: each may be a handle, or several joined by '+'.

        Raises InputError for what can't be a name, and for more handles than a voice has.
        """
        found = {handle for name in names for handle in handles_in(name)}
        if len(found) > MOST_HANDLES:
            raise InputError(f"A voice is made of {MOST_HANDLES} handles at most; {len(found)} were given.")
        return sorted(found)

    async def voice(self, name: str, person: str, place: str) -> Voice:
        """The newest voice of that name: its handles, in any order, joined by '+'.

        Raises NotFoundError where there is none, RefusedError where its owner keeps it from this person or place.
        """
        row = await self._row(name)
        if row is None:
            raise NotFoundError(
                f"There is no voice of @{name.strip().removeprefix('@')} yet; `/voice list` shows which there are."
            )
        await self.refuse_kept_back(row.handles, person, place)
        return Voice.from_folder(self._settings.voices / row.key)

    async def refuse_kept_back(self, handles: Sequence[str], person: str, place: str) -> None:
        """Raises RefusedError where one of `handles` may not be used by this person here."""
        usable = await self._store.consent.usable(handles, person, place)
        if usable.issuperset(handles):
            return
        await self._store.consent.refuse_opted_out(handles)
        for handle in handles:
            if handle not in usable:
                raise RefusedError(f"The owner of @{handle} does not share that voice here; ask them to.")

    async def everybody_may_use(self, handles: Sequence[str], place: str) -> bool:
        """Whether a voice of these handles can answer whoever asks in this place."""
        return (await self._store.consent.usable(handles, "", place)).issuperset(handles)

    async def _row(self, name: str) -> VoiceRow | None:
        try:
            return await self._store.voices.newest(voice_name(handles_in(name)))
        except InputError:
            return None


def matching(entries: Sequence[Entry], typed: str, limit: int = 25) -> list[Entry]:
    """Those that start with what was typed, then those that hold it, then those that resemble it."""
    typed = typed.strip().removeprefix("@").lower()[:LONGEST_TYPED]
    if not typed:
        return list(entries[:limit])
    found = [entry for entry in entries if entry.name.startswith(typed)][:limit]
    found += [entry for entry in entries if typed in entry.name][: 2 * limit]  # up to `limit` are there already
    from rapidfuzz import fuzz, process  # no start waits for it

    alike = process.extract(
        typed,
        [entry.name for entry in entries],
        scorer=fuzz.WRatio,
        limit=limit,
        score_cutoff=GOOD_ENOUGH,
    )
    found += [entries[place] for _, _, place in alike]
    return list(dict.fromkeys(found))[:limit]
