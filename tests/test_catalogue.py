"""The catalogue: what somebody may call up where, what typed names stand for, and which come first."""

from datetime import UTC, datetime

import pytest

from bot.catalogue import Catalogue, Entry, matching
from bot.fronts.discord.backend import Backend
from data.errors import InputError, NotFoundError, RefusedError
from data.posts import Post, Provenance
from data.store import Right, Store
from tests.discord_fronts import add_voice

ROBIN, WREN = "discord:1", "discord:2"
AVIARY, GARDEN = "discord:10", "discord:20"


async def bring(store: Store, *handles: str) -> None:
    for handle in handles:
        origin = Provenance("json-lines", "posts.jsonl", "0" * 64, datetime.now(UTC), "a test")
        await store.posts.add(handle, [Post("1", handle, "Fog again."), Post("2", handle, "More fog.")], origin)


def entries(*names: str) -> list[Entry]:
    return [Entry(name, (name,), True) for name in names]


def names(found: list[Entry]) -> list[str]:
    return [entry.name for entry in found]


async def test_ready_voices_come_before_corpora(backend: Backend) -> None:
    await bring(backend.store, "anna", "robot", "zed")
    await add_voice(backend, "robot")
    await add_voice(backend, "robot", key="a newer one")
    await add_voice(backend, "robot", "keeper")
    found = await backend.catalogue.entries(ROBIN, AVIARY)
    assert [(entry.name, entry.ready) for entry in found] == [
        ("keeper+robot", True),
        ("robot", True),
        ("anna", False),
        ("zed", False),
    ]


async def test_what_an_owner_keeps_is_not_there(backend: Backend) -> None:
    await bring(backend.store, "anna", "keeper", "zed")
    await add_voice(backend, "keeper")
    await add_voice(backend, "keeper", "zed")
    await backend.store.consent.claim(Right("keeper", ROBIN, AVIARY, "place"))
    await backend.store.consent.opt_out("anna", WREN)
    assert names(await backend.catalogue.entries(WREN, AVIARY)) == ["keeper", "keeper+zed", "zed"]
    assert names(await backend.catalogue.entries(WREN, GARDEN)) == ["zed"]
    assert names(await backend.catalogue.entries(ROBIN, GARDEN)) == ["keeper", "keeper+zed", "zed"]
    with pytest.raises(RefusedError, match="does not share"):
        await backend.catalogue.voice("keeper", WREN, GARDEN)
    with pytest.raises(RefusedError, match="opted out"):
        await backend.catalogue.refuse_kept_back(["zed", "anna"], ROBIN, AVIARY)


async def test_a_voice_is_found_however_its_handles_are_written(backend: Backend) -> None:
    older = await add_voice(backend, "robot", "keeper", key="older")
    newer = await add_voice(backend, "robot", "keeper", key="newer")
    for written in ("keeper+robot", " @Robot + keeper", "robot+keeper"):
        assert await backend.catalogue.voice(written, ROBIN, AVIARY) == newer
    assert older != newer
    with pytest.raises(NotFoundError, match="@robot yet"):
        await backend.catalogue.voice("@robot", ROBIN, AVIARY)


async def test_names_stand_for_handles(backend: Backend) -> None:
    catalogue: Catalogue = backend.catalogue
    assert catalogue.handles_of(["@Keeper"]) == ["keeper"]
    assert catalogue.handles_of(["robot+keeper", "keeper"]) == ["keeper", "robot"]
    assert catalogue.handles_of(["anna-lee"]) == ["anna-lee"]
    assert catalogue.handles_of(["no+body"]) == ["body", "no"]
    with pytest.raises(InputError, match="not an account name"):
        catalogue.handles_of(["no body"])
    with pytest.raises(InputError, match="3 handles at most; 4 were given"):
        catalogue.handles_of(["a+b", "c", "d"])


async def test_a_handle_that_looks_like_two_is_not_their_voice(backend: Backend) -> None:
    both = await add_voice(backend, "anna", "lee")
    one = await add_voice(backend, "anna-lee", key="one")
    assert await backend.catalogue.voice("anna+lee", ROBIN, AVIARY) == both
    assert await backend.catalogue.voice("anna-lee", ROBIN, AVIARY) == one


def test_prefixes_come_first_then_parts_then_likenesses() -> None:
    listed = entries("the_keeper", "kepler", "keeper", "robot", "keep_calm")
    assert names(matching(listed, "@Kee")) == ["keeper", "keep_calm", "the_keeper", "kepler"]
    assert names(matching(listed, "robto"))[0] == "robot"
    assert names(matching(listed, "")) == names(listed)
    assert matching(listed, "zzz") == []


def test_never_more_than_asked_for_and_none_twice() -> None:
    listed = entries(*(f"bird_{number}" for number in range(100)), "big_bird_1")
    found = names(matching(listed, "bird_1"))
    assert len(found) == len(set(found)) == 25
    assert found[:11] == ["bird_1", *(f"bird_1{number}" for number in range(10))]
    assert found[11] == "big_bird_1"
    assert len(matching(listed, "bird_" + "x" * 6000)) <= 25
