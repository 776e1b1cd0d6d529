"""How often to look for mentions: as set, slower where the budget runs ahead of the month, not at all without one.

Looking costs what is found, so a busy day could otherwise use up a month.
"""

import calendar
from datetime import UTC, datetime, timedelta

from bot.governor import Governor
from bot.platforms import Platform
from data.settings import Settings
from data.store import Store
from data.store.ledger import MICRO, today

SLOWEST = 10.0  # times the usual wait


class Pace:
    """Waits for one platform."""

    def __init__(
        self, platform: Platform, poll_seconds: float, settings: Settings, store: Store, governor: Governor
    ) -> None:
        self._poll_seconds = poll_seconds
        self._month_dollars = settings.spending.month_dollars
        self._store = store
        self._governor = governor
        self._free = not any(governor.prices.dollars[platform.name].values())

    async def seconds(self) -> float:
        """From one look to the next."""
        if self._free:
            return self._poll_seconds
        if await self._governor.left() <= 0:
            return seconds_to_next_day(datetime.now(UTC))
        spent = await self._store.ledger.spent(today()[:7]) / MICRO
        return self._poll_seconds * stretched(spent / self._month_dollars, datetime.now(UTC))


def stretched(spent: float, now: datetime) -> float:
    """How many times the usual wait is due where this share of the month's budget is spent: 1 to SLOWEST.

    The day counts in full from its beginning, or the first look of a month would be far ahead of it.
    """
    days = calendar.monthrange(now.year, now.month)[1]
    return min(SLOWEST, max(1.0, spent * days / now.day))


def seconds_to_next_day(now: datetime) -> float:
    """Until budgets of a day begin anew: those of UTC."""
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
    return (tomorrow - now).total_seconds()
