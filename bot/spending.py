"""What X and Bluesky cost: the bill of a month beside its budget, and what a schedule will come to."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.autopost.timing import Timing
from bot.governor import Prices
from data.errors import InputError
from data.settings import SpendingSettings
from data.store import Spent
from data.store.ledger import MICRO, RESERVED

MONTH = timedelta(days=30)
MOST_COUNTED = 1_000  # posts; more than anybody pays for


def month_from_words(words: str) -> str:
    """`"2026-11"` as it is. Raises InputError for what is no month."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", words):
        raise InputError(f"'{words}' is not a month; write it like 2026-11.")
    return words


def summary(limits: SpendingSettings, month: str, rows: Iterable[Spent], today: str) -> dict[str, Any]:
    """Of a month; "today" is in it where that day is of the month. Dollars are exact to the millionth."""
    rows = list(rows)
    totals = {"month": (sum(row.microdollars for row in rows), limits.month_dollars)}
    if today.startswith(month):
        of_today = sum(row.microdollars for row in rows if row.day == today)
        totals["today"] = (of_today, limits.day_dollars)
    return {
        "period": month,
        **{name: {"dollars": spent / MICRO, "limit": limit} for name, (spent, limit) in totals.items()},
        "reserved": sum(row.microdollars for row in rows if row.kind == RESERVED) / MICRO,
        "rows": [
            {
                "day": row.day,
                "platform": row.platform,
                "kind": row.kind,
                "count": row.count,
                "dollars": row.microdollars / MICRO,
            }
            for row in rows
        ],
        "prices_as_of": f"{Prices.from_file(limits.prices).as_of:%Y-%m-%d}",
        "prices_from": limits.prices or "built in",
    }


def by_kind(rows: Iterable[Spent]) -> list[tuple[str, str, int, int]]:
    """Platform, kind, how many and microdollars; the dearest first, what is only set aside last."""
    kinds: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        kinds[row.platform, row.kind][0] += row.count
        kinds[row.platform, row.kind][1] += row.microdollars
    found = [(platform, kind, count, amount) for (platform, kind), (count, amount) in kinds.items()]
    return sorted(found, key=lambda entry: (entry[1] == RESERVED, -entry[3], entry[:2]))


def by_day(rows: Iterable[Spent]) -> dict[int, int]:
    """Microdollars by day of the month; days without a call are not there."""
    days: dict[int, int] = defaultdict(int)
    for row in rows:
        days[int(row.day[-2:])] += row.microdollars
    return dict(days)


def forecast(limits: SpendingSettings, platform: str, timing: Timing) -> str:
    """What posting so for a month costs, as a sentence; empty where posts cost nothing."""
    price = Prices.from_file(limits.prices).dollars[platform]["post"]
    if not price:
        return ""
    posts = timing.count(datetime.now(UTC), MONTH, most=MOST_COUNTED)
    number = f"about {posts:,}" if posts < MOST_COUNTED else f"{MOST_COUNTED:,} and more"
    return f"A month has {number} of them: ${posts * price:.2f} of at most ${limits.month_dollars:.2f}."
