"""The governor: nothing goes out in a dry run, nothing beyond the budget, and the books are right whoever dies."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.governor import DryRunError, Governor, Outlay, Prices
from bot.governor.prices import BUILTIN
from data.errors import InputError, RefusedError
from data.settings import Settings, SpendingSettings
from data.store import Spent, Store, open_store
from data.store.ledger import RESERVED
from tests.processes import ROOT, environment

MONTH, DAY = "2026-11", "2026-11-21"


def settings_for(home: Path, *, month: float = 5.0, day: float = 1.0, **more: Any) -> Settings:
    spending = SpendingSettings(month_dollars=month, day_dollars=day)
    return Settings(home=home, spending=spending, _env_file=None, **more)


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(Settings(home=tmp_path, _env_file=None).database) as store:
        yield store


@pytest.fixture(name="governor")
def _governor(store: Store, tmp_path: Path, it_is: Callable[[str], None]) -> Governor:
    it_is(DAY)
    return Governor(store, settings_for(tmp_path))


@pytest.fixture(name="it_is")
def _it_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def it_is(day: str) -> None:
        for module in ("data.store.ledger", "bot.governor.governor"):
            monkeypatch.setattr(f"{module}.today", lambda: day)

    return it_is


async def post(governor: Governor, number: int) -> None:
    async with governor.call(Outlay("x", f"draft {number}", "post", writing=True)) as receipt:
        receipt.charge([str(900 + number)])


async def read(governor: Governor, purpose: str, most: int, *resources: str) -> None:
    async with governor.call(Outlay("x", purpose, "post read", most)) as receipt:
        receipt.charge(resources)


async def turned_away(governor: Governor, outlay: Outlay) -> None:
    async with governor.call(outlay) as receipt:
        receipt.not_charged()
        raise ConnectionError


async def test_a_call_is_charged_for_what_came_back(governor: Governor, store: Store) -> None:
    async with governor.call(Outlay("x", "mentions", "owned read", most=100)) as receipt:
        assert await store.ledger.spent(MONTH) == 100_000
        receipt.charge(["1", "2"])
        receipt.charge(["7"], "user read")
    assert await store.ledger.spent(MONTH) == 12_000
    assert await governor.left() == pytest.approx(0.988)


async def test_what_raises_stays_reserved_unless_it_surely_cost_nothing(governor: Governor, store: Store) -> None:
    outlay = Outlay("x", "draft 1", "post", writing=True)
    with pytest.raises(ConnectionError):
        await turned_away(governor, outlay)
    assert await store.ledger.spent(MONTH) == 0
    with pytest.raises(TimeoutError):
        async with governor.call(outlay):
            raise TimeoutError
    assert await store.ledger.spent(MONTH) == 15_000


async def test_what_nobody_heard_of_stays_reserved_though_it_is_turned_away_later(
    governor: Governor, store: Store, tmp_path: Path
) -> None:
    outlay = Outlay("x", "mentions", "owned read", most=15)
    with pytest.raises(TimeoutError):
        async with governor.call(outlay):
            raise TimeoutError  # the platform may have charged for it
    with pytest.raises(ConnectionError):
        await turned_away(Governor(store, settings_for(tmp_path)), outlay)  # of another process
    assert await store.ledger.spent(MONTH) == 15_000
    async with governor.call(outlay) as receipt:
        receipt.charge(["1", "2"])
    assert await store.ledger.spent(MONTH) == 2_000


async def test_a_cancelled_call_stays_reserved(governor: Governor, store: Store) -> None:
    sent = asyncio.Event()

    async def hang() -> None:
        async with governor.call(Outlay("x", "draft 1", "post", writing=True)):
            sent.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await sent.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await store.ledger.spent(MONTH) == 15_000


@pytest.mark.parametrize(("stands", "cost"), [(["901"], 15_000), ([], 0)])
async def test_a_post_of_yesterday_is_booked_when_its_end_is_known(
    governor: Governor, store: Store, it_is: Callable[[str], None], stands: list[str], cost: int
) -> None:
    outlay = Outlay("x", "draft 1", "post", writing=True)
    with pytest.raises(TimeoutError):
        async with governor.call(outlay):
            raise TimeoutError
    it_is("2026-11-22")
    receipt = governor.receipt(outlay)
    receipt.charge(stands)
    await governor.settle(receipt)
    assert [await store.ledger.spent(period) for period in (DAY, "2026-11-22")] == [cost, 0]


async def test_the_refusal_says_what_is_left_and_what_to_do(
    governor: Governor, it_is: Callable[[str], None]
) -> None:
    await read(governor, "timeline", 100, *(str(number) for number in range(100)))
    with pytest.raises(RefusedError) as refused:
        await read(governor, "more", 101)
    assert str(refused.value) == (
        "This may cost $0.505 (post read on X) and the day's budget has $0.500 left; raise "
        "MYNAH_SPENDING__DAY_DOLLARS, or wait for the next day."
    )
    for day in range(22, 31):
        it_is(f"2026-11-{day}")
        await read(governor, "timeline", 100, *(str(number) for number in range(100)))
    with pytest.raises(RefusedError, match=r"the month's budget has \$0\.000 left.*MONTH_DOLLARS.*next month"):
        await read(governor, "timeline", 101)
    assert await governor.left() == 0
    it_is("2026-12-01")
    assert await governor.left() == 1
    await post(governor, 1)


async def test_a_budget_that_was_lowered_stops_paid_calls_and_no_free_ones(store: Store, tmp_path: Path) -> None:
    await post(Governor(store, settings_for(tmp_path)), 1)
    poor = Governor(store, settings_for(tmp_path, month=0, day=0))
    with pytest.raises(RefusedError, match=r"\$0\.000 left"):
        await post(poor, 2)
    async with poor.call(Outlay("bluesky", "draft 3", "post", writing=True)) as receipt:
        receipt.charge(["at://bot/1"])
    assert await poor.left() == 0


def warned(entries: list[Any]) -> list[int]:
    return [entry["percent"] for entry in entries if "percent" in entry]


async def test_each_threshold_is_logged_once_a_month(
    store: Store, tmp_path: Path, it_is: Callable[[str], None]
) -> None:
    told = {}
    for month in ("2026-11", "2026-12"):
        it_is(f"{month}-05")
        for number in range(1, 12):
            governor = Governor(store, settings_for(tmp_path, month=0.15))  # anew, as after a restart
            with capture_logs() as entries, contextlib.suppress(RefusedError):
                await post(governor, number if month == "2026-11" else 100 + number)
            if warned(entries):
                told[month, number] = warned(entries)
    assert told == {
        ("2026-11", 5): [50],
        ("2026-11", 8): [80],
        ("2026-11", 10): [100],
        ("2026-12", 5): [50],
        ("2026-12", 8): [80],
        ("2026-12", 10): [100],
    }


async def test_the_last_warning_comes_when_the_month_ends_a_call_though_cents_are_left(
    store: Store, tmp_path: Path
) -> None:
    governor = Governor(store, settings_for(tmp_path, month=0.04))
    with capture_logs() as entries:
        await post(governor, 1)
        await post(governor, 2)
        for _ in range(3):
            with pytest.raises(RefusedError):
                await post(governor, 3)
    assert warned(entries) == [50, 100]


async def test_a_call_that_cost_more_than_it_said_is_logged(governor: Governor, store: Store) -> None:
    with capture_logs() as entries:
        await read(governor, "mentions", 1, "1", "2")
    assert [entry["event"] for entry in entries] == ["a call cost more than was set aside"]
    assert await store.ledger.spent(MONTH) == 10_000


async def test_a_dry_run_sends_nothing_books_nothing_and_reads(store: Store, tmp_path: Path) -> None:
    governor = Governor(store, settings_for(tmp_path, dry_run=True))
    reached = []
    for platform in ("x", "bluesky"):
        for kind in ("post", "post with a link", "summoned reply"):
            with pytest.raises(DryRunError, match="MYNAH_DRY_RUN"):
                async with governor.call(Outlay(platform, "draft 1", kind, writing=True)):
                    reached.append(kind)
    with pytest.raises(DryRunError, match="so the message was not sent"):
        governor.refuse_dry_run("the message")
    assert (reached, await store.ledger.history("")) == ([], [])
    await read(governor, "mentions", 1, "1")
    assert len(await store.ledger.history("")) == 1


class TestPrices:
    def test_the_built_in_table_is_dated_and_complete(self) -> None:
        prices = Prices.from_file()
        assert prices.as_of.year >= 2026
        exact = {kind: prices.microdollars("x", kind) for kind in prices.dollars["x"]}
        assert exact == {
            "post read": 5_000,
            "user read": 10_000,
            "owned read": 1_000,
            "post": 15_000,
            "post with a link": 200_000,
            "summoned reply": 10_000,
        }
        assert not any(prices.dollars["bluesky"].values())

    async def test_a_file_takes_its_place(self, store: Store, tmp_path: Path) -> None:
        file = tmp_path / "prices.toml"
        file.write_text(BUILTIN.read_text().replace('"post" = 0.015', '"post" = 0.1'))
        settings = Settings(home=tmp_path, spending=SpendingSettings(prices=str(file)), _env_file=None)
        await post(Governor(store, settings), 1)
        assert [row.microdollars for row in await store.ledger.history("")] == [100_000]

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('"post" = 0.015', "", 'no price for "post" under [x]'),
            ('"post" = 0.015', '"post" = -0.015', 'no price for "post" under [x]'),
            ('"post" = 0.015', '"post" = nan', 'no price for "post" under [x]'),
            ('"post" = 0.015', '"post" = inf', 'no price for "post" under [x]'),
            ('"post" = 0.015', '"post" = true', 'no price for "post" under [x]'),
            ('"post" = 0.015', '"post" = "cheap"', 'no price for "post" under [x]'),
            ("[bluesky]", "[mastodon]", "under [bluesky]"),
            ("as_of = 2026-11-21", "", "as_of = "),
            ("as_of = 2026-11-21", 'as_of = "lately"', "as_of = "),
            ("[x]", "[x", "can't be read"),
        ],
    )
    def test_a_broken_file_is_refused_in_a_sentence(self, tmp_path: Path, old: str, new: str, words: str) -> None:
        file = tmp_path / "prices.toml"
        text = BUILTIN.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(InputError) as refused:
            Prices.from_file(str(file))
        assert words in str(refused.value)
        assert str(file) in str(refused.value)

    def test_so_is_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="can't be read"):
            Prices.from_file(str(tmp_path / "none.toml"))
        (tmp_path / "picture.toml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError, match="can't be read"):
            Prices.from_file(str(tmp_path / "picture.toml"))


# What the processes below do: read, in questions of one to ten posts, until the budget refuses. The platform's own
# bill is a file: a line for each post, before anything is booked here. Killed ones ask the same questions again.
SPENDER = """
import asyncio, random, sys
from bot.governor import Governor, Outlay
from data.errors import RefusedError
from data.settings import Settings
from data.store import open_store

async def spend(name, bill):
    settings = Settings(_env_file=None)
    async with open_store(settings.database) as store:
        governor = Governor(store, settings)
        for question in range(90):
            posts = [f"{name}-{question}-{number}" for number in range(random.Random(question).randint(1, 10))]
            try:
                async with governor.call(Outlay("x", f"{name} {question}", "post read", most=10)) as receipt:
                    bill.write("".join(post + "\\n" for post in posts))
                    bill.flush()
                    await asyncio.sleep(0.002)
                    receipt.charge(posts)
            except RefusedError:
                return

with open(sys.argv[2], "a") as bill:
    asyncio.run(spend(sys.argv[1], bill))
"""


def spenders(home: Path, names: str, **settings: str) -> list[subprocess.Popen[bytes]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, name, str(home / f"{name}.bill")],
            cwd=ROOT,
            env=environment(home, **settings),
            start_new_session=True,
        )
        for name in names
    ]


def billed(home: Path) -> int:
    """Microdollars by the platform's own account: each post once."""
    return 5_000 * len({line for file in home.glob("*.bill") for line in file.read_text().split()})


def booked(home: Path) -> tuple[int, int]:
    """Microdollars by ours: charged, reserved."""

    async def history() -> list[Spent]:
        async with open_store(Settings(home=home, _env_file=None).database) as store:
            return await store.ledger.history("")

    rows = asyncio.run(history())
    reserved = sum(row.microdollars for row in rows if row.kind == RESERVED)
    return sum(row.microdollars for row in rows) - reserved, reserved


def test_processes_that_share_a_budget_never_go_over_it(tmp_path: Path) -> None:
    limit = 2.0
    for process in spenders(tmp_path, "abc", MYNAH_SPENDING__DAY_DOLLARS=str(limit)):
        assert process.wait(50) == 0
    charged, reserved = booked(tmp_path)
    assert (charged, reserved) == (billed(tmp_path), 0)
    # Each stopped when less was left than ten posts cost, while the two others held no more than that.
    assert limit * 1e6 - 3 * 50_000 < charged <= limit * 1e6


@pytest.mark.slow
def test_killed_at_any_point_the_books_say_no_less_than_the_bill_and_in_the_end_the_same(
    tmp_path: Path,
) -> None:
    chance = random.Random(4)
    unlimited = {"MYNAH_SPENDING__DAY_DOLLARS": "100", "MYNAH_SPENDING__MONTH_DOLLARS": "100"}
    for _ in range(3):
        [process] = spenders(tmp_path, "a", **unlimited)
        before, ends = billed(tmp_path), time.monotonic() + 30
        while billed(tmp_path) == before and process.poll() is None and time.monotonic() < ends:
            time.sleep(0.02)
        time.sleep(chance.random() / 4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        charged, reserved = booked(tmp_path)
        assert charged <= billed(tmp_path) <= charged + reserved
    [process] = spenders(tmp_path, "a", **unlimited)
    assert process.wait(50) == 0
    assert booked(tmp_path) == (billed(tmp_path), 0)
