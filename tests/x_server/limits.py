"""Rate limits: how many calls an endpoint takes in 15 minutes, and the headers that say so."""

import math
from dataclasses import dataclass, field

from .clock import Clock

WINDOW = 900.0  # seconds
# Calls per user and window, as X documents them.
CALLS = {
    "POST /2/tweets": 100,
    "DELETE /2/tweets/{id}": 50,
    "GET /2/tweets": 900,
    "GET /2/tweets/{id}": 900,
    "GET /2/users/me": 75,
    "GET /2/users/by/username/{username}": 900,
    "GET /2/users/{id}/tweets": 900,
    "GET /2/users/{id}/mentions": 300,
}


@dataclass
class Window:
    """A running count: `used` calls since `opened`."""

    opened: float
    used: int = 0


@dataclass
class Limits:
    """The buckets of all endpoints, one for each caller."""

    clock: Clock
    calls: dict[str, int] = field(default_factory=lambda: dict(CALLS))
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)

    def set(self, endpoint: str, calls: int) -> None:
        """Limits one endpoint, such as `POST /2/tweets`. Raises KeyError for one that doesn't exist."""
        if endpoint not in self.calls:
            raise KeyError(endpoint)
        self.calls[endpoint] = calls

    def spend(self, endpoint: str, caller: str) -> tuple[dict[str, str], bool]:
        """Counts a call; returns the headers and whether it is one too many."""
        calls, moment = self.calls[endpoint], self.clock.now()
        window = self._windows.setdefault((endpoint, caller), Window(moment))
        if moment - window.opened >= WINDOW:
            window.opened, window.used = moment, 0
        over = window.used >= calls
        window.used += 0 if over else 1
        return {
            "x-rate-limit-limit": str(calls),
            "x-rate-limit-remaining": str(calls - window.used),
            "x-rate-limit-reset": str(math.ceil(window.opened + WINDOW + self.clock.skew)),
        }, over
