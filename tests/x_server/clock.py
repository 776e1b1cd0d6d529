"""The time that X keeps here, which a test can move without waiting."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Clock:
    """Seconds since 1970 in UTC.

    `travelled` is time that passed for everybody, so signatures made by the real clock stay good; `skew` is how
    far X's clock is off from everybody else's, so a large one spoils them.
    """

    travelled: float = 0.0
    skew: float = 0.0

    def travel(self, seconds: float) -> None:
        """Lets time pass: rate limit windows run out and days end."""
        self.travelled += seconds

    def now(self) -> float:
        """The moment at which things happen: posts, windows, days of the bill."""
        return time.time() + self.travelled

    def shown(self) -> float:
        """What X says the time is, in `Date` and `x-rate-limit-reset`."""
        return self.now() + self.skew

    def compared(self) -> float:
        """What X holds the timestamp of a signature against."""
        return time.time() + self.skew

    @property
    def day(self) -> str:
        """The UTC day, within which nothing is charged twice."""
        return datetime.fromtimestamp(self.now(), UTC).date().isoformat()


def written(moment: float) -> str:
    """A moment as X writes it in objects, with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def header_date(moment: float) -> str:
    """A moment as X writes it in the `Date` header: with UTC where others write GMT."""
    return datetime.fromtimestamp(moment, UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
