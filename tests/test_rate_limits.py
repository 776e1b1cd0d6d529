"""Buckets that are kept to: counted down, waited for, come back."""

import asyncio

import pytest

from bot.governor import RateLimits
from bot.governor.rate_limits import LEAST_SECONDS, MOST_SECONDS, UNTOLD_SECONDS

ENDPOINT = "GET /posts"


async def test_nothing_is_waited_for_before_an_answer_says_so() -> None:
    limits = RateLimits()
    assert limits.seconds(ENDPOINT) == 0
    limits.count(ENDPOINT)
    await limits.wait(ENDPOINT)
    assert limits.seconds(ENDPOINT) == 0


async def test_calls_are_counted_down_until_the_bucket_is_empty() -> None:
    limits = RateLimits()
    limits.note(ENDPOINT, 2, 100)
    for _ in range(2):
        assert limits.seconds(ENDPOINT) == 0
        limits.count(ENDPOINT)
    assert 99 < limits.seconds(ENDPOINT) <= 102
    assert limits.seconds("POST /posts") == 0  # each endpoint has its own


async def test_those_who_wait_do_not_come_all_at_once() -> None:
    limits = RateLimits()
    limits.note(ENDPOINT, 0, 100)
    assert len({limits.seconds(ENDPOINT) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("told", "least"), [(90.0, 90), (None, UNTOLD_SECONDS), (-5.0, LEAST_SECONDS), (1e9, MOST_SECONDS)]
)
async def test_a_refusal_keeps_an_endpoint_closed(told: float | None, least: float) -> None:
    limits = RateLimits()
    wait = limits.refused(ENDPOINT, told)
    assert least - 1 < wait <= least + 2
    assert limits.seconds(ENDPOINT) > least - 1


async def test_waiting_sleeps_once_and_not_too_short() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(seconds)

    limits = RateLimits(sleep)
    limits.note(ENDPOINT, 0, 0.05)
    await limits.wait(ENDPOINT)
    assert len(slept) == 1
    assert 0.04 < slept[0] < 0.06
    assert limits.seconds(ENDPOINT) == 0


async def test_an_empty_bucket_is_full_again_after_its_time() -> None:
    limits = RateLimits()
    limits.note(ENDPOINT, 0, 0.01)
    await asyncio.sleep(0.02)
    assert limits.seconds(ENDPOINT) == 0
    limits.count(ENDPOINT)
    assert limits.seconds(ENDPOINT) == 0
