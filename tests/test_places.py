"""The store's parts for places and for the guessing game."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from data.store import ChannelVoice, PlaceSettings, Right, Round, Score, Store, open_store

HERE, THERE = "discord:1", "discord:2"
ROBIN, WREN, TIT = "discord:10", "discord:11", "discord:12"


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}"


@pytest.fixture(name="store")
async def _store(url: str) -> AsyncIterator[Store]:
    async with open_store(url) as store:
        yield store


async def test_nobody_having_decided_the_defaults_hold(store: Store) -> None:
    settings = await store.places.settings(HERE)
    assert settings == PlaceSettings()
    assert (settings.filter, settings.personas, settings.channels) == ("standard", False, ())


async def test_changes_keep_what_they_do_not_name_and_outlast_the_process(url: str) -> None:
    async with open_store(url) as store:
        await store.places.change(HERE, filter="strict", block_list=("mayor", "two words"))
        changed = await store.places.change(HERE, personas=True, channels=("discord:5",))
        assert await store.places.settings(THERE) == PlaceSettings()
    async with open_store(url) as store:
        assert await store.places.settings(HERE) == changed
    assert changed == PlaceSettings(
        channels=("discord:5",), block_list=("mayor", "two words"), personas=True, filter="strict"
    )


async def test_two_who_change_different_settings_both_have_their_way(url: str) -> None:
    wishes: dict[str, Any] = {"default_voice": "keeper", "trainers": ("7",), "personas": True, "filter": "off"}
    async with open_store(url) as one, open_store(url) as other:
        await asyncio.gather(
            *(
                store.places.change(HERE, **{name: value})
                for store, (name, value) in zip((one, other) * 2, wishes.items(), strict=True)
            )
        )
        assert await one.places.settings(HERE) == PlaceSettings(**wishes)


def test_settings_of_another_version_are_left_out() -> None:
    known = PlaceSettings.from_json({"filter": "off", "colour": "green", "channels": ["discord:5"]})
    assert known == PlaceSettings(filter="off", channels=("discord:5",))
    assert PlaceSettings.from_json(known.to_json()) == known


async def test_a_channel_has_one_voice_the_last(store: Store) -> None:
    assert await store.places.voice_of("discord:5") is None
    await store.places.set_voice(ChannelVoice("discord:5", HERE, "keeper", ROBIN))
    await store.places.set_voice(ChannelVoice("discord:5", HERE, "mayor", WREN))
    found = await store.places.voice_of("discord:5")
    assert found is not None
    assert (found.voice, found.person, found.since.tzinfo is not None) == ("mayor", WREN, True)


async def test_leaving_a_place_forgets_how_it_was_set_up(store: Store) -> None:
    for place, channel in ((HERE, "discord:5"), (THERE, "discord:6")):
        await store.places.change(place, personas=True)
        await store.places.set_voice(ChannelVoice(channel, place, "keeper", ROBIN))
    await store.places.leave(HERE)
    assert await store.places.settings(HERE) == PlaceSettings()
    assert await store.places.voice_of("discord:5") is None
    assert (await store.places.settings(THERE)).personas
    assert await store.places.voice_of("discord:6") is not None


async def begin(
    store: Store, key: str = "key", *, place: str = HERE, real: str = "real", first: bool = True
) -> Round:
    return await store.game.begin(key, place=place, real=real, made="made", real_first=first)


async def test_a_round_is_shown_in_its_order(store: Store) -> None:
    first = await begin(store)
    second = await store.game.begin("key", place=HERE, real="real", made="made", real_first=False)
    assert (first.shown, second.shown) == (("real", "made"), ("made", "real"))
    assert await store.game.round(second.id) == second
    assert await store.game.round(second.id + 1) is None
    assert first.since.tzinfo is not None


async def test_the_first_vote_stands_even_of_two_at_once(store: Store) -> None:
    begun = await begin(store)
    entered = await asyncio.gather(*(store.game.vote(begun.id, ROBIN, right=right) for right in (True, False)))
    assert sorted(entered) == [False, True]
    assert await store.game.votes_in(begun.id) == 1
    assert await store.game.vote(begun.id, WREN, right=True)
    assert await store.game.votes_in(begun.id) == 2


async def test_scores_are_those_of_the_place(store: Store) -> None:
    here = [await begin(store) for _ in range(3)]
    there = await begin(store, place=THERE)
    votes = {ROBIN: (True, False, True), WREN: (True, True), TIT: (False, True)}
    for person, rights in votes.items():
        for begun, right in zip(here, rights, strict=False):
            await store.game.vote(begun.id, person, right=right)
        await store.game.vote(there.id, person, right=True)
    # Of equals, who needed fewer votes comes first.
    assert await store.game.leaderboard(HERE) == [Score(WREN, 2, 2), Score(ROBIN, 2, 3), Score(TIT, 1, 2)]
    assert await store.game.leaderboard(HERE, limit=1) == [Score(WREN, 2, 2)]
    assert await store.game.score(ROBIN, HERE) == Score(ROBIN, 2, 3)
    assert await store.game.score("discord:99", HERE) == Score("discord:99", 0, 0)


async def test_the_blind_test_is_of_the_voice_wherever_it_was_played(store: Store) -> None:
    for place in (HERE, THERE):
        await store.game.vote((await begin(store, place=place)).id, ROBIN, right=place == HERE)
    await store.game.vote((await begin(store, "other")).id, ROBIN, right=True)
    assert await store.game.blind_test("key") == (1, 2)
    assert await store.game.blind_test("unknown") == (0, 0)


async def test_what_was_used_lately_is_known(store: Store) -> None:
    for real in ("one", "two", "three"):
        await begin(store, real=real)
    await begin(store, "other", real="four")
    assert await store.game.used("key", 2) == {"two", "three"}
    assert await store.game.used("key", 50) == {"one", "two", "three"}


async def test_rounds_and_votes_go_with_the_voice(store: Store) -> None:
    await store.consent.claim(Right("keeper", ROBIN, HERE, game=True))
    await store.voices.add("key", "keeper", ["keeper"], "builtin", 4.0, 3.0, {})
    begun, other = await begin(store), await begin(store, "other")
    for number in (begun.id, other.id):
        await store.game.vote(number, WREN, right=True)
    receipt = await store.forget("keeper")
    assert (receipt.counts["rounds"], receipt.counts["votes"]) == (1, 1)
    assert await store.game.round(begun.id) is None
    assert await store.game.votes_in(begun.id) == 0
    assert await store.game.leaderboard(HERE) == [Score(WREN, 1, 1)]
