"""How soon the next answer may come, per person and per channel."""

import time

from discord import app_commands

COOLDOWN_SECONDS = 20.0


class Cooldowns:
    """Kept in memory only: a restart forgives everybody."""

    def __init__(self, person_answers: int, channel_answers: int) -> None:
        self._limits = (person_answers, channel_answers)
        self._buckets: dict[str, app_commands.Cooldown] = {}

    def wait(self, person: str, channel: str) -> float:
        """Seconds to wait; 0 where the answer may come now, which then counts."""
        now = time.time()
        named = (f"person {person}", f"channel {channel}")
        buckets = [
            self._buckets.setdefault(name, app_commands.Cooldown(limit, COOLDOWN_SECONDS))
            for name, limit in zip(named, self._limits, strict=True)
            if limit
        ]
        wait = max((bucket.get_retry_after(now) for bucket in buckets), default=0.0)
        if not wait:
            for bucket in buckets:
                bucket.update_rate_limit(now)
        return wait

    def tidy(self) -> None:
        """Drop the buckets that are full again."""
        now = time.time()
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if bucket.get_tokens(now) < bucket.rate
        }
