"""When posts are due: by cron or every so often, within hours of the day, moved a little by chance.

Times of day are those of a time zone's clocks. A time that daylight saving leaves out comes as much later as the
clocks jump, and one that exists twice comes the first time; spans are real hours throughout.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from tzlocal import get_localzone_name

from data.errors import InputError

SHORTEST_SPAN, LONGEST_SPAN = timedelta(minutes=1), timedelta(days=366)
_LARGEST_SHIFT = timedelta(hours=3)  # that clocks are ever put forward or back by
# More than the minutes of a day and of the shifts around it: a day whose times are all outside the hours is
# followed by none that is any better.
_MOST_TRIED = 2_000
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_RANGE = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_SPAN = re.compile(r"(?:\d{1,6}[wdhm])+")
_BETWEEN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class Timing:
    """Made by `from_words`; either `cron` or `every` is there."""

    cron: str
    every: timedelta | None
    opens: time | None  # hours of the day, both ends included; from a later to an earlier one they cross midnight
    closes: time | None
    jitter: timedelta
    timezone: str  # as IANA calls it

    @classmethod
    def from_words(
        cls, *, cron: str = "", every: str = "", between: str = "", jitter: str = "", timezone: str = ""
    ) -> Self:
        """From what somebody typed; without a time zone the machine's. Raises InputError."""
        cron, every = " ".join(cron.split()), every.strip()
        if bool(cron) == bool(every):
            raise InputError(
                "Say when to post, either as a cron expression ('0 9 * * 1-5') or every so often ('6h')."
            )
        opens, closes = _hours(between) if between.strip() else (None, None)
        timing = cls(
            cron,
            span_from_words(every) if every else None,
            opens,
            closes,
            span_from_words(jitter) if jitter.strip() else timedelta(0),
            _zone_name(timezone),
        )
        if cron:
            _trigger(cron)
        try:
            timing.next_after(datetime.now(UTC))
        except LookupError:
            hours = f" between {between.strip()}" if between.strip() else ""
            raise InputError(f"'{cron}' never comes{hours}; check its fields, as in '0 9 * * 1-5'.") from None
        return timing

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls.from_words(**values)

    def to_json(self) -> dict[str, str]:
        """In words, as `from_words` takes them."""
        return {
            "cron": self.cron,
            "every": span_in_words(self.every) if self.every else "",
            "between": f"{self.opens:%H:%M}-{self.closes:%H:%M}" if self.opens and self.closes else "",
            "jitter": span_in_words(self.jitter) if self.jitter else "",
            "timezone": self.timezone,
        }

    def __str__(self) -> str:
        words = self.to_json()
        parts = [f"cron {self.cron}" if self.cron else f"every {words['every']}"]
        if words["between"]:
            parts.append(f"between {words['between'].replace('-', ' and ')}")
        if self.jitter:
            parts.append(f"up to {words['jitter']} later")
        return f"{', '.join(parts)} ({self.timezone})"

    def next_after(self, moment: datetime) -> datetime:
        """The next time by the timing alone (UTC), later than an aware moment. Raises LookupError for never."""
        if self.every is None:
            return self._next_of_cron(moment)
        instant = (moment + self.every).astimezone(UTC).replace(microsecond=0)
        return instant if self._is_open(instant) else self._opening_after(instant)

    def count(self, start: datetime, span: timedelta, *, most: int) -> int:
        """How often it comes within a span of time, counted up to `most`."""
        moment, number = self.next_after(start), 0
        while moment < start + span and number < most:
            moment, number = self.next_after(moment), number + 1
        return number

    def moved(self, nominal: datetime, chance: Callable[[], float] = random.random) -> datetime:
        """A time later by at most the jitter, within the hours of the day, and before the next one's."""
        room = min(self.jitter, self.next_after(nominal) - nominal)
        if self.closes is not None:
            room = max(timedelta(0), min(room, self._closing_after(nominal, self.closes) - nominal))
        return nominal + timedelta(seconds=int(chance() * room.total_seconds()))

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _next_of_cron(self, moment: datetime) -> datetime:
        # Where clocks shift, what comes first on them need not come first in time: so look a shift back and ahead.
        found: datetime | None = None
        start = moment.astimezone(self._zone).replace(tzinfo=None) - _LARGEST_SHIFT
        for wall in islice(_walls(self.cron, start), _MOST_TRIED):
            if found and wall > found.astimezone(self._zone).replace(tzinfo=None) + _LARGEST_SHIFT:
                break
            for instant in self._instants(wall):
                if instant > moment and self._is_open(instant) and (found is None or instant < found):
                    found = instant
        if found is None:
            raise LookupError(self.cron)
        return found

    def _instants(self, wall: datetime) -> Iterator[datetime]:
        """The moment at which the clocks show this; both, where it exists twice and cron asks for every hour."""
        yield wall.replace(tzinfo=self._zone).astimezone(UTC)
        if self.cron.split()[1].startswith("*"):
            again = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
            if again.astimezone(self._zone).replace(tzinfo=None) == wall:
                yield again

    def _is_open(self, instant: datetime) -> bool:
        if self.opens is None or self.closes is None:
            return True
        shown = instant.astimezone(self._zone).time()
        if self.opens <= self.closes:
            return self.opens <= shown <= self.closes
        return shown >= self.opens or shown <= self.closes

    def _opening_after(self, instant: datetime) -> datetime:
        assert self.opens is not None
        today = instant.astimezone(self._zone).date()
        openings = (
            datetime.combine(today + timedelta(days=days), self.opens, self._zone).astimezone(UTC)
            for days in range(3)
        )
        return next(opening for opening in openings if opening > instant)

    def _closing_after(self, instant: datetime, closes: time) -> datetime:
        shown = instant.astimezone(self._zone)
        day = shown.date() + timedelta(days=shown.time() > closes)
        return datetime.combine(day, closes, self._zone).replace(fold=shown.fold).astimezone(UTC)


def span_from_words(words: str) -> timedelta:
    """`"1h30m"` -> 90 minutes; from one minute to a year. Raises InputError."""
    span = "".join(words.split()).lower()
    if not _SPAN.fullmatch(span):
        raise InputError(f"'{words}' is not a span of time; write it like 90m, 6h, 1h30m or 2d.")
    parts = re.findall(r"(\d+)([wdhm])", span)
    length = sum((int(count) * _UNITS[unit] for count, unit in parts), timedelta(0))
    if not SHORTEST_SPAN <= length <= LONGEST_SPAN:
        raise InputError(f"'{words}' is not between a minute and a year; write it like 90m, 6h, 1h30m or 2d.")
    return length


def span_in_words(span: timedelta) -> str:
    """90 minutes -> `"1h30m"`."""
    words = ""
    for unit in ("d", "h", "m"):
        count, span = divmod(span, _UNITS[unit])
        words += f"{count}{unit}" if count else ""
    return words


def _hours(words: str) -> tuple[time, time]:
    match = _BETWEEN.fullmatch(words.strip())
    try:
        if match is None:
            raise ValueError
        hour, minute, last_hour, last_minute = (int(number) for number in match.groups())
        midnight = (last_hour, last_minute) == (24, 0)
        opens, closes = time(hour, minute), time(0 if midnight else last_hour, last_minute)
    except ValueError:
        raise InputError(f"'{words}' are no hours of the day; write them like 08:00-22:00.") from None
    if opens == closes:
        raise InputError(f"'{words}' begins and ends at the same time; leave it out for the whole day.")
    return opens, closes


def _zone_name(words: str) -> str:
    name = words.strip()
    if not name:
        try:
            name = get_localzone_name() or "UTC"
        except (ZoneInfoNotFoundError, ValueError, OSError):  # a machine whose own zone is set up badly
            name = "UTC"
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"There is no time zone '{name}'; name one like Europe/Berlin.") from None


def _walls(cron: str, start: datetime) -> Iterator[datetime]:
    """What clocks show when the expression fits, from `start` on, as if they were never put forward or back."""
    trigger, wall = _trigger(cron), start.replace(tzinfo=UTC)
    while (fits := trigger.get_next_fire_time(None, wall)) is not None:
        yield fits.replace(tzinfo=None)
        wall = fits + timedelta(seconds=1)


def _trigger(cron: str) -> BaseTrigger:
    """As cron has it: where both day and weekday are restricted, either is enough."""
    try:
        if len(cron.split()) != 5:
            raise ValueError("it has not five fields")
        minute, hour, day, month, weekday = cron.split()
        dates = [(day, _weekdays(weekday))]
        if not day.startswith("*") and not weekday.startswith("*"):
            dates = [(day, "*"), ("*", _weekdays(weekday))]
        return OrTrigger(
            [CronTrigger.from_crontab(f"{minute} {hour} {on} {month} {at}", timezone=UTC) for on, at in dates]
        )
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"'{cron}' is not a cron expression ({error}); write minute, hour, day, month and weekday, as in "
            "'0 9 * * 1-5'."
        ) from None


def _weekdays(field: str) -> str:
    """Each by name: cron numbers them from Sunday, APScheduler from Monday. Raises ValueError."""
    days: set[int] = set()
    for part in field.lower().split(","):
        match = _WEEKDAY_RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"'{part}' is not a weekday")
        first = _weekday(match["first"]) if match["first"] else 0
        last = _weekday(match["last"]) if match["last"] else 6 if match["step"] or not match["first"] else first
        step = int(match["step"] or 1)
        if step < 1:
            raise ValueError("a step is 1 or more")
        days.update(day % 7 for day in range(first, last + 1 + 7 * (last < first), step))
    return "*" if len(days) == 7 else ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(word: str) -> int:
    """From Sunday, 0; 7 is Sunday as well."""
    if word in _WEEKDAYS:
        return _WEEKDAYS.index(word)
    if not word.isdecimal() or int(word) > 7:
        raise ValueError(f"'{word}' is not a weekday")
    return int(word)
