"""Rate limit buckets: how many calls a route takes in a window, and the headers that say so."""

import hashlib
import time
from dataclasses import dataclass, field

from .state import Payload


@dataclass
class Window:
    """A running count: `used` calls since `opened` (monotonic seconds)."""

    opened: float
    used: int = 0


@dataclass
class Limits:
    """The limits of all routes. The default is wide, so that a test waits only where it asks for it."""

    calls: int = 1000
    seconds: float = 1.0
    _special: dict[str, tuple[int, float]] = field(default_factory=dict)
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)

    def set(self, method: str, route: str, *, calls: int, seconds: float) -> None:
        """Limits one route, such as `POST /channels/{channel}/messages`, per major parameter."""
        self._special[f"{method} {route}"] = calls, seconds

    def spend(self, method: str, route: str, major: str) -> tuple[dict[str, str], float | None]:
        """Counts a call; returns the headers and, where it is one too many, the seconds to wait."""
        key = f"{method} {route}"
        calls, seconds = self._special.get(key, (self.calls, self.seconds))
        moment = time.monotonic()
        window = self._windows.setdefault((key, major), Window(moment))
        if moment - window.opened >= seconds:
            window.opened, window.used = moment, 0
        left = window.opened + seconds - moment
        over = window.used >= calls
        window.used += 0 if over else 1
        headers = {
            "X-RateLimit-Limit": str(calls),
            "X-RateLimit-Remaining": str(calls - window.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(key.encode()).hexdigest()[:32],
        }
        return headers, left if over else None


def too_many(retry_after: float | None, *, everywhere: bool = False) -> Payload:
    """The body of a 429; real ones carry `retry_after` in seconds, a broken proxy's may not."""
    body: Payload = {"message": "You are being rate limited.", "global": everywhere}
    return body if retry_after is None else body | {"retry_after": retry_after}
