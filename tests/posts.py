"""Posts with enough of a manner that a tiny model can learn it, made from a seed."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from data.cleaning import Cleaner, Counts, Profile
from data.posts import Post, Provenance
from data.store import Store
from trainer.job import Job, JobCorpus
from trainer.recipe import Recipe

_WHO = ["the lamp", "the gull", "my kettle", "the boat", "an old net", "the foghorn", "a letter", "the rival lamp"]
_DID = ["waits for", "complains about", "sings to", "reviews", "forgets", "paints", "counts", "sails past"]
_WHAT = ["the fog", "a quiet storm", "the stairs", "seven waves", "the moon", "its supper", "the tide", "nobody"]
_WHEN = ["tonight", "as ever", "at noon", "in the rain", "again", "before breakfast", "for a week", "on Sundays"]


def clean(posts: Iterable[Post], profile: Profile) -> tuple[list[str], Counts]:
    """The texts to learn from, in the order given, and the counts."""
    cleaner = Cleaner(profile)
    cleaner.take((post.kind, post.text) for post in posts)
    return cleaner.finish()


def texts(count: int, seed: int = 0) -> list[str]:
    """`count` different sentences."""
    chance = random.Random(seed)
    every = [
        f"{who.capitalize()} {did} {what} {when}."
        for who in _WHO
        for did in _DID
        for what in _WHAT
        for when in _WHEN
    ]
    return chance.sample(every, count)


def posts(handle: str, count: int, seed: int = 0) -> list[Post]:
    return [
        Post(id=str(1000 + number), handle=handle, text=text, created_at=datetime(2024, 1, 1, tzinfo=UTC))
        for number, text in enumerate(texts(count, seed))
    ]


async def bring(store: Store, handle: str, count: int = 400, seed: int = 0) -> None:
    """Put a corpus into the store, as an import does."""
    origin = Provenance("json-lines", "posts.jsonl", "0" * 64, datetime.now(UTC), "a test")
    await store.posts.add(handle, posts(handle, count, seed), origin)


def write_job(folder: Path, base: Path, recipe: Recipe, handles: tuple[str, ...] = ("keeper",)) -> Path:
    """A run's folder, ready to be tuned."""
    corpora = []
    for seed, handle in enumerate(handles):
        every = texts(150, seed)
        corpora.append(JobCorpus(handle, every[15:], every[:15]))
    Job("key", "tiny", str(base), recipe, tuple(corpora), threads=1).write(folder)
    return folder
