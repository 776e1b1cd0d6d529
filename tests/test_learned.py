"""What a voice's record keeps of its corpora: counts that add up, where they came from, and by whose word."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from data.collect import collect
from data.posts import Post, Provenance
from data.samples import SAMPLES
from data.settings import Settings
from data.store import Store, open_store
from tests.posts import bring, posts
from trainer.learned import Learned, learned_from
from trainer.wish import load_corpora


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(Settings(home=tmp_path, _env_file=None).database) as opened:
        yield opened


async def learned(store: Store, handle: str) -> Learned:
    (corpus,) = await load_corpora(store, [handle], "default")
    return await learned_from(store, corpus)


async def test_an_archive_is_told_in_full_and_survives_json(store: Store) -> None:
    archive = SAMPLES["lampkeeper_ode"]
    collected = await collect(
        store, archive, bounds=Settings(_env_file=None).imports, consent="Ode herself", may_publish=True
    )
    share = await learned(store, "lampkeeper_ode")
    assert share.downloaded == share.retweets + share.short + share.kept
    assert (share.kept, share.short) == (collected.corpus.counts.kept, sum(share.short_by_reason.values()))
    assert (share.characters, share.digest) == (collected.corpus.characters, collected.corpus.digest)
    assert set(share.languages) == {"en"}
    assert (share.sources, share.consent, share.may_publish) == (("x-archive",), ("Ode herself",), True)
    assert Learned.from_json(json.loads(json.dumps(share.to_json()))) == share


async def test_one_import_that_may_not_be_published_is_enough(store: Store) -> None:
    await bring(store, "ada")
    origin = Provenance("x-archive", "a.zip", "0" * 64, datetime.now(UTC), "Ada herself", may_publish=True)
    more = [Post(**{**structs.asdict(post), "id": f"9{post.id}"}) for post in posts("ada", 20, seed=1)]
    await store.posts.add("ada", more, origin)
    share = await learned(store, "ada")
    assert (share.sources, share.consent) == (("json-lines", "x-archive"), ("a test", "Ada herself"))
    assert not share.may_publish


async def test_the_same_source_and_word_are_told_once(store: Store) -> None:
    await bring(store, "ada")
    await bring(store, "ada", seed=1)
    share = await learned(store, "ada")
    assert (share.sources, share.consent) == (("json-lines",), ("a test",))
