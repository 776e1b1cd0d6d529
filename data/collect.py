"""From a file to a corpus: read, store, clean, count. One import of a file is one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.cleaning import Cleaner
from data.corpus import Corpus, Profile, finish_corpus
from data.errors import InputError
from data.posts import Post, Provenance, normalise_handle
from data.settings import ImportSettings
from data.sources import Reading, read_posts
from data.store import Added, CorpusSummary, Right, Store


@dataclass(frozen=True)
class Collected:
    """What an import came to: the whole corpus of the handle as it stands now, and what this import added."""

    corpus: Corpus
    added: Added
    skipped: dict[str, int]  # rows of the source that are no posts of this person, by reason
    provenance: Provenance

    def to_json(self) -> dict[str, Any]:
        counts = self.corpus.counts
        return {
            "handle": self.corpus.handle,
            "profile": self.corpus.profile,
            "downloaded": counts.downloaded,
            "retweets": counts.retweets,
            "short": counts.short,
            "kept": counts.kept,
            "dropped": counts.breakdown,
            "characters": self.corpus.characters,
            "digest": self.corpus.digest,
            "new": self.added.new,
            "changed": self.added.changed,
            "same": self.added.same,
            "skipped": self.skipped,
            "provenance": {
                **asdict(self.provenance),
                "imported_at": self.provenance.imported_at.isoformat(timespec="seconds"),
            },
        }


async def collect(
    store: Store,
    path: Path,
    *,
    bounds: ImportSettings,
    handle: str | None = None,
    source: str | None = None,
    profile: Profile = "default",
    consent: str,
    may_publish: bool = False,
    admit: Callable[[Reading], Awaitable[Right | None]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """Import `path` and say what its handle's corpus is now. Whatever goes wrong leaves the store as it was.

    `admit` is asked once it is known whose posts these are and before any is read: it may refuse them, and says
    whose the corpus is from then on. `progress` is called with bytes read and bytes in all. Raises InputError for
    a file that can't be used, RefusedError for a handle that opted out.
    """
    wanted = normalise_handle(handle) if handle is not None else None
    reading = read_posts(path, format=source, handle=wanted, bounds=bounds, progress=progress)

    def provenance() -> Provenance:
        return Provenance(
            source=reading.format,
            file_name=path.name,
            file_digest=reading.digest,
            imported_at=datetime.now(UTC),
            consent=consent,
            may_publish=may_publish,
        )

    def at_least_one() -> Iterator[Post]:
        first = next(reading.posts, None)
        if first is None:
            raise InputError(f"'{path.name}' holds no posts of @{reading.handle}; give another file or --handle.")
        yield first
        yield from reading.posts

    with reading.tree:
        await store.consent.refuse_opted_out([reading.handle])
        right = await admit(reading) if admit is not None else None
        added = await store.posts.add(reading.handle, at_least_one(), provenance, right)
    imported = (await store.posts.imports(reading.handle))[-1]
    corpus = await take_stock(store, reading.handle, profile, imported.imported_at)
    return Collected(corpus, added, dict(reading.skipped), imported)


async def take_stock(store: Store, handle: str, profile: Profile, moment: datetime) -> Corpus:
    """Clean and count what is here of a handle after an import, and keep the summary of it."""
    cleaner = Cleaner(profile)
    async with store.posts.texts(handle) as batches:
        async for batch in batches:
            await asyncio.to_thread(cleaner.take, batch)
    corpus = await asyncio.to_thread(finish_corpus, handle, cleaner)
    await store.posts.save_summary(
        CorpusSummary(
            handle=corpus.handle,
            profile=corpus.profile,
            downloaded=corpus.counts.downloaded,
            retweets=corpus.counts.retweets,
            short=corpus.counts.short,
            kept=corpus.counts.kept,
            characters=corpus.characters,
            digest=corpus.digest,
            updated_at=moment,
        )
    )
    return corpus
