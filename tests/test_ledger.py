"""The ledger: what is charged once and what again, what a crash leaves, and sums right to the millionth."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.store import Charge, OverBudgetError, Store, open_store
from data.store.ledger import Ledger

PLENTY = 10**12


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite+aiosqlite:///{tmp_path / 'mynah.db'}") as store:
        yield store


@pytest.fixture(name="ledger")
def _ledger(store: Store, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    it_is(monkeypatch, "2026-11-21")
    return store.ledger


def it_is(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setattr("data.store.ledger.today", lambda: day)


async def reserve(ledger: Ledger, purpose: str, most: int, *, day: int = PLENTY, month: int = PLENTY) -> str:
    return (await ledger.reserve("x", purpose, "post read", most, day_limit=day, month_limit=month)).day


async def read(ledger: Ledger, purpose: str, *resources: str, price: int = 5_000) -> int:
    """Ask and settle; gives what was new."""
    day = await reserve(ledger, purpose, price * len(resources))
    charges = [Charge("post read", resource, price) for resource in resources]
    return await ledger.settle("x", purpose, charges, writing=False, day=day)


async def test_what_was_read_is_charged_once_a_day_and_the_next_day_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await read(ledger, "mentions", "1", "2", "2") == 10_000
    assert await read(ledger, "timeline", "2", "3") == 5_000
    assert await ledger.spent("2026-11-21") == 15_000
    it_is(monkeypatch, "2026-11-22")
    assert await read(ledger, "timeline", "2", "3") == 10_000
    assert [await ledger.spent(period) for period in ("2026-11-21", "2026-11-22", "2026-11")] == [
        15_000,
        10_000,
        25_000,
    ]


async def test_a_month_knows_nothing_of_another(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    await read(ledger, "mentions", "1")
    it_is(monkeypatch, "2026-12-01")
    with pytest.raises(OverBudgetError):
        await reserve(ledger, "mentions", 5_001, month=5_000)
    await reserve(ledger, "mentions", 5_000, month=5_000)
    assert [await ledger.spent(period) for period in ("2026-11", "2026-12")] == [5_000, 5_000]


async def test_a_call_over_midnight_belongs_to_the_day_on_which_it_was_allowed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = await reserve(ledger, "mentions", 500_000)
    it_is(monkeypatch, "2026-12-01")
    await ledger.settle("x", "mentions", [Charge("post read", "1", 5_000)], writing=False, day=day)
    assert [await ledger.spent(period) for period in ("2026-11", "2026-12")] == [5_000, 0]


async def test_a_reservation_counts_until_the_same_question_is_asked_again_that_day(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reserve(ledger, "mentions", 500_000)  # and nobody heard of that call again
    with pytest.raises(OverBudgetError) as refused:
        await reserve(ledger, "timeline", 500_001, month=1_000_000)
    assert (refused.value.limit, refused.value.left) == ("month", 500_000)
    assert await read(ledger, "mentions", "1") == 5_000
    assert await ledger.spent("2026-11") == 5_000

    await reserve(ledger, "mentions", 500_000)
    it_is(monkeypatch, "2026-11-22")
    await read(ledger, "mentions", "1")  # the platform charges this again: yesterday's answer stays unknown
    assert await ledger.spent("2026-11") == 5_000 + 500_000 + 5_000


async def test_a_refused_question_leaves_what_it_held_before(ledger: Ledger) -> None:
    await reserve(ledger, "mentions", 3_000, day=5_000)
    with pytest.raises(OverBudgetError):
        await reserve(ledger, "mentions", 6_000, day=5_000)
    assert await ledger.spent("2026-11-21") == 3_000


async def test_what_is_used_up_for_longer_is_named(ledger: Ledger) -> None:
    with pytest.raises(OverBudgetError) as refused:
        await reserve(ledger, "mentions", 10, day=5, month=5)
    assert refused.value.limit == "month"
    with pytest.raises(OverBudgetError) as refused:
        await reserve(ledger, "mentions", 10, day=5, month=50)
    assert (refused.value.limit, refused.value.left) == ("day", 5)


async def test_what_costs_nothing_is_never_beyond_a_limit(ledger: Ledger) -> None:
    await read(ledger, "mentions", "1")
    await reserve(ledger, "of Bluesky", 0, day=0, month=0)  # the limits were lowered below what is spent
    assert await ledger.spent("2026-11") == 5_000
    with pytest.raises(OverBudgetError) as refused:
        await reserve(ledger, "timeline", 1, day=0, month=0)
    assert refused.value.left == 0


async def test_what_is_written_is_charged_once_for_ever_on_its_own_day(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = [Charge("post", "900", 15_000)]
    await reserve(ledger, "draft 12", 15_000)
    it_is(monkeypatch, "2026-12-01")
    assert await ledger.settle("x", "draft 12", post, writing=True) == 15_000  # found there, after a restart
    assert [await ledger.spent(period) for period in ("2026-11-21", "2026-12")] == [15_000, 0]
    assert await ledger.settle("x", "draft 12", post, writing=True) == 0
    await read(ledger, "own posts", "900", price=1_000)  # reading it is another thing
    assert await ledger.spent("2026-12") == 1_000


async def test_what_turns_out_not_to_be_written_costs_nothing_whenever_it_was_tried(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reserve(ledger, "draft 12", 15_000)
    it_is(monkeypatch, "2026-11-22")
    await reserve(ledger, "draft 12", 15_000)
    await reserve(ledger, "draft 120", 15_000)
    assert await ledger.settle("x", "draft 12", [], writing=True) == 0
    assert await ledger.spent("2026-11") == 15_000


async def test_platforms_do_not_share_posts_but_the_budget(store: Store, ledger: Ledger) -> None:
    for platform in ("x", "bluesky"):
        await ledger.reserve(platform, "mentions", "post read", 10, day_limit=20, month_limit=20)
        charge = Charge("post read", "1", 10)
        assert await ledger.settle(platform, "mentions", [charge], writing=False) == 10
    assert await ledger.spent("2026-11") == 20


async def test_the_history_is_by_day_platform_and_kind(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await ledger.history("2026-11") == []
    await read(ledger, "mentions", "1", "2")
    await ledger.settle("x", "draft 1", [Charge("post", "900", 15_000)], writing=True)
    it_is(monkeypatch, "2026-11-22")
    await reserve(ledger, "mentions", 500_000)
    it_is(monkeypatch, "2026-12-01")
    await read(ledger, "mentions", "3")
    rows = [(row.day, row.kind, row.count, row.microdollars) for row in await ledger.history("2026-11")]
    assert rows == [
        ("2026-11-21", "post", 1, 15_000),
        ("2026-11-21", "post read", 2, 10_000),
        ("2026-11-22", "reserved", 1, 500_000),
    ]


# A day in the life of a ledger: asked (how much), answered with so many of ten posts, or never heard of again.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["settled", "not charged", "lost", "midnight"]),
        st.sampled_from(["mentions", "timeline", "draft 1", "draft 2"]),
        st.integers(1, 999_999),
        st.sets(st.integers(0, 9), max_size=4),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, limit=st.integers(0, 3_000_000))
def test_whatever_happens_sums_are_exact_and_no_limit_is_passed(
    steps: list[tuple[str, str, int, set[int]]], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def live(monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path_factory.mktemp("ledger") / "mynah.db"
        day, held, booked = 1, dict[tuple[str, str], int](), dict[tuple[str, str, str], int]()
        async with open_store(f"sqlite+aiosqlite:///{file}") as store:
            for what, purpose, price, found in steps:
                today = f"2026-11-{day:02}"
                it_is(monkeypatch, today)
                if what == "midnight":
                    day += 1
                    continue
                found = found or {0}
                writing = purpose.startswith("draft")
                most = price * len(found)
                others = sum(amount for name, amount in held.items() if name != (purpose, today))
                left = limit - sum(booked.values()) - others
                if most > left:
                    with pytest.raises(OverBudgetError):
                        await reserve(store.ledger, purpose, most, month=limit)
                    continue
                await reserve(store.ledger, purpose, most, month=limit)
                held[purpose, today] = most
                if what != "lost":
                    resources = [f"{purpose} {number}" for number in found] if what == "settled" else []
                    charges = [Charge("any", resource, price) for resource in resources]
                    await store.ledger.settle("x", purpose, charges, writing=writing)
                    mine = [name for name in held if name[0] == purpose and (writing or name[1] == today)]
                    first = min(name[1] for name in mine)
                    for name in mine:
                        del held[name]
                    for resource in resources:
                        if not (writing and any(key[:2] == ("w", resource) for key in booked)):
                            booked.setdefault(("w" if writing else "r", resource, first), price)
                assert await store.ledger.spent("2026-11") == sum(booked.values()) + sum(held.values()) <= limit
            history = await store.ledger.history("2026-11")
            assert sum(row.microdollars for row in history) == sum(booked.values()) + sum(held.values())

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(live(monkeypatch))
