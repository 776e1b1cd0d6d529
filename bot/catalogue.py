"""What a person may call up in a place: the voices that can speak, and the corpora a voice could be trained of."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from data.errors import InputError, NotFoundError, RefusedError
from data.posts import normalise_handle
from data.settings import Settings
from data.store import Store, VoiceRow
from trainer.voice import Voice

GOOD_ENOUGH = 60  # of 100: below this a fuzzy match surprises more than it helps


@dataclass(frozen=True)
class Entry:
    """A voice or, where `ready` is False, a corpus without one."""

    name: str  # handles joined by '-'
    handles: tuple[str, ...]
    ready: bool


class Catalogue:
    """Looks voices up for somebody: what its owner keeps from them is not there."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def entries(self, person: str, place: str) -> list[Entry]:
        """Ready voices first, each group by name."""
        rows = {row.name: row for row in reversed(await self._store.voices.all())}
        corpora = await self._store.posts.handles()
        handles = {handle for row in rows.values() for handle in row.handles} | set(corpora)
        usable = await self._store.consent.usable(handles, person, place)
        voices = [
            Entry(name, row.handles, True) for name, row in sorted(rows.items()) if usable.issuperset(row.handles)
        ]
        waiting = sorted(usable.intersection(corpora) - rows.keys())
        return voices + [Entry(handle, (handle,), False) for handle in waiting]

    async def voice(self, name: str, person: str, place: str) -> Voice:
        """The newest voice of that name: its handles, in any order, joined by '-' or '+'.

        Raises NotFoundError where there is none, RefusedError where its owner keeps it from this person or place.
        """
        row = await self._row(name)
        if row is None:
            raise NotFoundError(f"There is no voice of @{name.strip().removeprefix('@')} yet.")
        await self.refuse_kept_back(row.handles, person, place)
        return Voice.from_folder(self._settings.voices / row.key)

    async def refuse_kept_back(self, handles: Sequence[str], person: str, place: str) -> None:
        """Raises RefusedError where one of `handles` may not be used by this person here."""
        await self._store.consent.refuse_opted_out(handles)
        usable = await self._store.consent.usable(handles, person, place)
        for handle in handles:
            if handle not in usable:
                raise RefusedError(f"The owner of @{handle} does not share that voice here; ask them to.")

    async def _row(self, name: str) -> VoiceRow | None:
        name = name.strip().removeprefix("@").lower()
        row = await self._store.voices.newest(name)
        if row is None:
            try:
                handles = sorted({normalise_handle(part) for part in name.replace("+", "-").split("-")})
            except InputError:
                return None
            row = await self._store.voices.newest("-".join(handles))
        return row


def matching(entries: Sequence[Entry], typed: str, limit: int = 25) -> list[Entry]:
    """Those that start with what was typed, then those that hold it, then those that resemble it."""
    typed = typed.strip().removeprefix("@").lower()
    if not typed:
        return list(entries[:limit])
    starting = [entry for entry in entries if entry.name.startswith(typed)]
    holding = [entry for entry in entries if typed in entry.name and entry not in starting]
    alike = process.extract(
        typed,
        [entry.name for entry in entries],
        scorer=fuzz.WRatio,
        limit=limit,
        score_cutoff=GOOD_ENOUGH,
    )
    found = starting + holding + [entries[place] for _, _, place in alike]
    return list(dict.fromkeys(found))[:limit]
