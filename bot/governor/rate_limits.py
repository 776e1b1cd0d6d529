"""Rate limits as platforms tell them in headers: a bucket for each endpoint, kept to, never hammered at."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

JITTER = 0.1  # of a wait, at most two seconds: those who wait for one reset do not all come at once
UNTOLD_SECONDS = 60.0  # a refusal that does not say for how long
LEAST_SECONDS = 5.0  # a refusal that says for no time at all, or for a time that has passed
MOST_SECONDS = 86_400.0  # no limit is longer than a day; whoever says so is mistaken


@dataclass
class _Bucket:
    remaining: int
    resets_at: float  # of the loop's clock, which nobody sets


class RateLimits:
    """The buckets of one platform. `sleep` is asyncio's, or a test's."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._sleep = sleep

    def note(self, endpoint: str, remaining: int, seconds: float) -> None:
        """What an answer said: so many calls are left, and all come back in so many seconds."""
        self._buckets[endpoint] = _Bucket(remaining, _now() + min(MOST_SECONDS, max(0.0, seconds)))

    def refused(self, endpoint: str, seconds: float | None = None) -> float:
        """A 429, with or without its wait; gives how many seconds to leave the endpoint alone."""
        self.note(endpoint, 0, UNTOLD_SECONDS if seconds is None else max(LEAST_SECONDS, seconds))
        return self.seconds(endpoint)

    def seconds(self, endpoint: str) -> float:
        """How long to wait before the next call, with a little by chance; 0 where there is no need to."""
        bucket = self._buckets.get(endpoint)
        if bucket is None or bucket.remaining > 0:
            return 0.0
        wait = bucket.resets_at - _now()
        return wait + random.uniform(0, min(2.0, wait * JITTER)) if wait > 0 else 0.0  # noqa: S311 # no secret

    def count(self, endpoint: str) -> None:
        """A call is about to be made."""
        bucket = self._buckets.get(endpoint)
        if bucket is not None and bucket.resets_at <= _now():
            del self._buckets[endpoint]
        elif bucket is not None:
            bucket.remaining -= 1

    async def wait(self, endpoint: str) -> None:
        """Until a call may be made, and count it."""
        while (seconds := self.seconds(endpoint)) > 0:
            await self._sleep(seconds)
        self.count(endpoint)


def _now() -> float:
    return asyncio.get_running_loop().time()
