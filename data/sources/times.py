"""When a post was written: the many spellings of a time, and the time that a post's id carries."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

# X's ids are "snowflakes" since 2010-11-04: milliseconds since this one, then 22 bits of machine and sequence.
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_SNOWFLAKE_DIGITS = range(15, 20)  # shorter ones were counted up, not clocked, save for the first hours
_FIRST_POST = datetime(2006, 1, 1, tzinfo=UTC)
_LAST_POST = datetime(2100, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# `Wed Oct 10 20:19:24 +0000 2018`, taken apart by hand because strptime's %a and %b follow the machine's language.
_X_TIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})", re.ASCII)
_EPOCH = re.compile(r"[0-9]{9,13}(?:\.[0-9]*)?")
_ZONE = re.compile(r"\s*(?:UTC|GMT)$|\s+(?=[+-]\d{2}:?\d{2}$)")
_X_LENGTH, _CLOCK_AT = 30, 11  # characters
_DAY = timedelta(days=1)


def time_of(post_id: str, stated: object) -> datetime | None:
    """When a post was written, aware and in UTC, to the second; None where neither its source nor its id knows.

    Where the two agree within two days the id wins: it is exact, while tools write local times without a zone.
    """
    clocked = _snowflake_time(post_id)
    # Where a day is near, so is each of its moments; days are known from the posts before. 10 us a post, now 5.
    if clocked and isinstance(stated, str) and len(stated) == _X_LENGTH:
        day = _day(f"{stated[:_CLOCK_AT]}00:00:00{stated[_CLOCK_AT + 8 :]}")
        if day and abs(day - clocked) < _DAY:
            return clocked
    said = parse_time(stated)
    if clocked and (said is None or abs(said - clocked) < 2 * _DAY):
        return clocked
    return said


@lru_cache(maxsize=64)
def _day(midnight: str) -> datetime | None:
    return parse_time(midnight)


def parse_time(value: object) -> datetime | None:
    """Reads X's own format, ISO 8601 and its loose relatives, and seconds or milliseconds since 1970.

    A time without a zone counts as UTC. None for anything else and for years no post can be from.
    """
    text = str(value).strip()[:64] if isinstance(value, str | int) and not isinstance(value, bool) else ""
    try:
        if match := _X_TIME.fullmatch(text):
            month, day, clock, zone, year = match.groups()
            moment = datetime.fromisoformat(f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}{zone}")
        elif _EPOCH.fullmatch(text):
            number = float(text)
            moment = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        else:
            moment = datetime.fromisoformat(_ZONE.sub("", text))
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if moment.microsecond:
        moment = moment.replace(microsecond=0)
    return moment if _FIRST_POST < moment < _LAST_POST else None


def _snowflake_time(post_id: str) -> datetime | None:
    if len(post_id) not in _SNOWFLAKE_DIGITS or not (post_id.isascii() and post_id.isdigit()):
        return None
    moment = datetime.fromtimestamp(((int(post_id) >> 22) + _SNOWFLAKE_EPOCH_MS) // 1000, UTC)
    return moment if moment < _LAST_POST else None
