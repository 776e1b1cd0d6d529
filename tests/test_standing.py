"""What stands until it is changed: cursors, silences, confirmations; each through a restart."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from data.store import Store, open_store


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}"


@pytest.fixture(name="store")
async def _store(url: str) -> AsyncIterator[Store]:
    async with open_store(url) as store:
        yield store


async def test_a_cursor_stands_where_it_was_moved_last(store: Store, url: str) -> None:
    assert await store.standing.cursor("x mentions") is None
    await store.standing.move("x mentions", "100")
    await store.standing.move("x mentions", "200")
    await store.standing.move("x_mentions", {"a": [1, None]})
    async with open_store(url) as later:
        assert await later.standing.cursor("x mentions") == "200"
        assert await later.standing.cursors("x_") == {"x_mentions": {"a": [1, None]}}  # _ is no wildcard
        await later.standing.drop("x mentions")
        await later.standing.drop("x mentions")
    assert await store.standing.cursors("") == {"x_mentions": {"a": [1, None]}}


async def test_what_only_advances_never_goes_back_and_says_whether_it_moved(store: Store, url: str) -> None:
    steps = [(["2026-11", 50], True), (["2026-11", 50], False), (["2026-11", 100], True), (["2026-11", 80], False)]
    for value, moved in [*steps, (["2026-12", 50], True)]:
        async with open_store(url) as another:
            assert await another.standing.advance("budget warning", value) is moved
    assert await store.standing.cursor("budget warning") == ["2026-12", 50]


async def test_silence_lasts_until_it_is_lifted(store: Store, url: str) -> None:
    await store.standing.silence("x:1")
    [since] = (await store.standing.silenced()).values()
    await store.standing.silence("x:1")
    await store.standing.silence("bluesky:1")
    async with open_store(url) as later:
        assert await later.standing.silent("x:1")
        assert not await later.standing.silent("x:2")
        assert list(await later.standing.silenced()) == ["x:1", "bluesky:1"]
        assert (await later.standing.silenced())["x:1"] == since  # of the first time they asked
        assert await later.standing.lift_silence("x:1")
        assert not await later.standing.lift_silence("x:1")
    assert not await store.standing.silent("x:1")
    assert await store.standing.silent("bluesky:1")


async def test_the_last_confirmation_holds_until_it_is_revoked(store: Store, url: str) -> None:
    assert await store.standing.confirmed("x rules") is None
    await store.standing.confirm("x rules", "ada")
    await store.standing.confirm("x rules", "grace")
    async with open_store(url) as later:
        confirmed = await later.standing.confirmed("x rules")
        assert confirmed is not None
        assert (confirmed[0], confirmed[1].utcoffset()) == ("grace", timedelta())
        assert await later.standing.confirmed("bluesky rules") is None
        await later.standing.revoke("x rules")
    assert await store.standing.confirmed("x rules") is None
