"""Asking for a voice: trained once, reused after, refused in words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.errors import InputError, NotFoundError, RefusedError, TooLittleDataError
from data.posts import Provenance
from data.settings import Settings
from data.store import Store, open_store
from tests.posts import bring, posts
from tests.tiny_voices import full_voice, tiny_base
from trainer.wish import ask_for_voice


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, base=str(tiny_base(tmp_path / "base")), offline=True, _env_file=None)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings.database) as opened:
        yield opened


async def test_many_who_ask_at_once_get_one_run(store: Store, settings: Settings) -> None:
    await bring(store, "keeper")
    asked = await asyncio.gather(*(ask_for_voice(store, settings, ["@Keeper"]) for _ in range(8)))
    assert len({answer.run.id for answer in asked if answer.run}) == 1
    assert [answer.created for answer in asked].count(True) == 1


async def test_the_order_of_a_cyborgs_handles_does_not_matter(store: Store, settings: Settings) -> None:
    await bring(store, "keeper")
    await bring(store, "robot", seed=1)
    one = await ask_for_voice(store, settings, ["keeper", "robot"])
    two = await ask_for_voice(store, settings, ["@ROBOT", "keeper", "keeper"])
    assert one.run is not None
    assert two.run is not None
    assert one.run.id == two.run.id
    assert one.run.handles == ("keeper", "robot")


async def test_a_finished_voice_is_reused_until_new_posts_come(store: Store, settings: Settings) -> None:
    await bring(store, "keeper")
    first = await ask_for_voice(store, settings, ["keeper"])
    assert first.run is not None
    key = first.run.voice_key
    full_voice(settings.voices / key)
    await store.voices.add(key, "keeper", ("keeper",), "tiny", 6.0, 4.0, {})
    await store.runs.cancel(first.run.id)
    again = await ask_for_voice(store, settings, ["keeper"])
    assert again.run is None
    assert again.voice is not None
    assert again.voice.folder == settings.voices / key
    await bring(store, "keeper", count=500)
    renewed = await ask_for_voice(store, settings, ["keeper"])
    assert renewed.run is not None
    assert renewed.run.voice_key != key


async def test_a_voice_whose_folder_was_deleted_is_trained_again(store: Store, settings: Settings) -> None:
    await bring(store, "keeper")
    first = await ask_for_voice(store, settings, ["keeper"])
    assert first.run is not None
    await store.runs.cancel(first.run.id)
    await store.voices.add(first.run.voice_key, "keeper", ("keeper",), "tiny", 6.0, 4.0, {})
    again = await ask_for_voice(store, settings, ["keeper"])
    assert again.created


async def test_refusals_are_sentences(store: Store, settings: Settings) -> None:
    await bring(store, "small", count=20)
    closed = Provenance("json-lines", "x", "0" * 64, datetime.now(UTC), "nobody", may_train=False)
    await store.posts.add("closed", posts("closed", 400), closed)
    with pytest.raises(NotFoundError, match="no posts of @nobody"):
        await ask_for_voice(store, settings, ["nobody"])
    with pytest.raises(TooLittleDataError, match="6,000"):
        await ask_for_voice(store, settings, ["small"])
    with pytest.raises(RefusedError, match="may not be trained on"):
        await ask_for_voice(store, settings, ["closed"])
    with pytest.raises(InputError, match="one, two or three handles"):
        await ask_for_voice(store, settings, ["a", "b", "c", "d"])
    with pytest.raises(InputError, match="not an account name"):
        await ask_for_voice(store, settings, [f"keeper@{'x' * 64}"])
    with pytest.raises(InputError, match="not an account name"):
        await ask_for_voice(store, settings, ["two words"])


async def test_a_small_corpus_is_warned_of(store: Store, settings: Settings) -> None:
    await bring(store, "keeper", count=300)
    asked = await ask_for_voice(store, settings, ["keeper"])
    assert any("40,000" in note for note in asked.notes)
