"""Rate limits: how many calls a method takes in its window, and the headers that say so."""

import math
from dataclasses import dataclass, field

from tests.x_server.clock import Clock

WINDOW = 300.0  # seconds
CALLS = 3000  # in a window, of methods that have no limit of their own
LOGIN = "com.atproto.server.createSession"


@dataclass
class Limits:
    """A bucket for each caller and method."""

    clock: Clock
    calls: dict[str, int] = field(default_factory=lambda: {LOGIN: 30})
    window: float = WINDOW
    _used: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)  # since when, how many

    def spend(self, method: str, caller: str) -> tuple[dict[str, str], bool]:
        """Counts a call; returns the headers and whether it is one too many."""
        calls, moment = self.calls.get(method, CALLS), self.clock.now()
        opened, used = self._used.get((method, caller), (moment, 0))
        if moment - opened >= self.window:
            opened, used = moment, 0
        over = used >= calls
        used += 0 if over else 1
        self._used[method, caller] = opened, used
        return {
            "ratelimit-limit": str(calls),
            "ratelimit-remaining": str(calls - used),
            "ratelimit-reset": str(math.ceil(opened + self.window + self.clock.skew)),
            "ratelimit-policy": f"{calls};w={self.window:.0f}",
        }, over
