"""What a voice learned from: the counts of each corpus, its languages, where it came from and by whose word."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Self

from data.corpus import Corpus
from data.languages import languages
from data.store import Store


@dataclass(frozen=True)
class Learned:
    """One handle's share of a voice: downloaded = retweets + short + kept, as in the reference."""

    handle: str
    downloaded: int
    retweets: int
    short: int
    kept: int
    short_by_reason: dict[str, int]  # what `short` is made of
    characters: int
    digest: str
    languages: dict[str, int]  # posts by ISO 639-1 code
    sources: tuple[str, ...]  # keys of data.sources.SOURCES, platforms of timelines
    consent: tuple[str, ...]  # whose word allows this, in words
    may_publish: bool  # whether every import's owner allowed it

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(**{**values, "sources": tuple(values["sources"]), "consent": tuple(values["consent"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def learned_from(store: Store, corpus: Corpus) -> Learned:
    """What there is to know about a corpus, as it is learned from now."""
    imports = await store.posts.imports(corpus.handle)
    found = await asyncio.to_thread(languages, await store.posts.posts(corpus.handle))
    counts = corpus.counts
    return Learned(
        handle=corpus.handle,
        downloaded=counts.downloaded,
        retweets=counts.retweets,
        short=counts.short,
        kept=counts.kept,
        short_by_reason=counts.breakdown,
        characters=corpus.characters,
        digest=corpus.digest,
        languages=dict(found.most_common()),
        sources=tuple(dict.fromkeys(origin.source for origin in imports)),
        consent=tuple(dict.fromkeys(origin.consent for origin in imports)),
        may_publish=bool(imports) and all(origin.may_publish for origin in imports),
    )
