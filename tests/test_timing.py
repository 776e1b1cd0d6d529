"""When posts are due, on both sides of daylight saving, and what is said about words that can't be read."""

import contextlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.autopost.timing import Timing, span_from_words, span_in_words
from data.errors import InputError

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


def times(timing: Timing, start: str, count: int) -> list[str]:
    """The next times, as clocks in the timing's zone show them."""
    moment, shown = at(start), []
    for _ in range(count):
        moment = timing.next_after(moment)
        shown.append(f"{moment.astimezone(timing._zone):%d %H:%M %Z}")
    return shown


def test_cron_follows_the_clocks_of_its_zone() -> None:
    timing = Timing.from_words(cron="0 9 * * *", timezone=BERLIN)
    assert times(timing, "2026-03-27 12:00", 3) == ["28 09:00 CET", "29 09:00 CEST", "30 09:00 CEST"]
    assert times(timing, "2026-10-23 12:00", 3) == ["24 09:00 CEST", "25 09:00 CET", "26 09:00 CET"]


@pytest.mark.parametrize(
    ("zone", "start", "shown"),
    [
        (BERLIN, "2026-03-28 00:00", ["28 02:30 CET", "29 03:30 CEST", "30 02:30 CEST"]),
        (NEW_YORK, "2026-03-07 00:00", ["07 02:30 EST", "08 03:30 EDT", "09 02:30 EDT"]),
    ],
)
def test_a_time_that_clocks_leave_out_comes_as_much_later(zone: str, start: str, shown: list[str]) -> None:
    assert times(Timing.from_words(cron="30 2 * * *", timezone=zone), start, 3) == shown


@pytest.mark.parametrize(
    ("zone", "cron", "start", "shown"),
    [
        (BERLIN, "30 2 * * *", "2026-10-24 00:00", ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31 00:00", ["31 01:30 EDT", "01 01:30 EDT", "02 01:30 EST"]),
    ],
)
def test_a_time_that_clocks_show_twice_comes_once(zone: str, cron: str, start: str, shown: list[str]) -> None:
    assert times(Timing.from_words(cron=cron, timezone=zone), start, 3) == shown


def test_every_hour_is_every_hour_on_the_days_of_23_and_25() -> None:
    timing = Timing.from_words(cron="15 * * * *", timezone=BERLIN)
    for start in ("2026-03-28 23:00", "2026-10-24 22:00"):
        moments = [at(start)]
        for _ in range(6):
            moments.append(timing.next_after(moments[-1]))
        assert {later - earlier for earlier, later in pairwise(moments[1:])} == {timedelta(hours=1)}


def test_what_clocks_leave_out_comes_before_or_with_what_follows() -> None:
    """02:30, which is not there, is 03:30; and 03:00 is before that."""
    timing = Timing.from_words(cron="0,30 2,3 * * *", timezone=BERLIN)
    assert times(timing, "2026-03-28 23:00", 3) == ["29 03:00 CEST", "29 03:30 CEST", "30 02:00 CEST"]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("start", ["2026-03-07 20:00", "2026-03-28 20:00", "2026-10-24 20:00", "2026-10-31 20:00"])
def test_a_span_is_real_hours(zone: str, start: str) -> None:
    timing = Timing.from_words(every="6h", timezone=zone)
    assert timing.next_after(at(start)) == at(start) + timedelta(hours=6)


def test_hours_of_the_day_follow_the_clocks() -> None:
    timing = Timing.from_words(every="6h", between="08:00-22:00", timezone=BERLIN)
    assert times(timing, "2026-03-28 10:00", 4) == [
        "28 17:00 CET",
        "29 08:00 CEST",
        "29 14:00 CEST",
        "29 20:00 CEST",
    ]
    assert times(timing, "2026-10-24 15:00", 3) == ["25 08:00 CET", "25 14:00 CET", "25 20:00 CET"]


def test_hours_may_cross_midnight() -> None:
    timing = Timing.from_words(every="3h", between="22:00-02:00", timezone="UTC")
    assert times(timing, "2026-05-01 12:00", 4) == ["01 22:00 UTC", "02 01:00 UTC", "02 22:00 UTC", "03 01:00 UTC"]
    late = Timing.from_words(cron="0 * * * *", between="22:00-24:00", timezone="UTC")
    assert times(late, "2026-05-01 12:00", 4) == ["01 22:00 UTC", "01 23:00 UTC", "02 00:00 UTC", "02 22:00 UTC"]


def test_a_day_of_the_month_or_a_weekday_is_enough_as_in_cron() -> None:
    timing = Timing.from_words(cron="0 9 13 * 5", timezone=BERLIN)
    assert [day[:2] for day in times(timing, "2026-11-01 00:00", 5)] == ["06", "13", "20", "27", "04"]
    timing = Timing.from_words(cron="0 9 15 * 0", timezone=BERLIN)
    assert [day[:2] for day in times(timing, "2026-12-01 00:00", 4)] == ["06", "13", "15", "20"]


def test_cron_outside_the_hours_is_skipped() -> None:
    timing = Timing.from_words(cron="0 */5 * * *", between="08:00-16:00", timezone=NEW_YORK)
    assert times(timing, "2026-05-01 12:00", 3) == ["01 10:00 EDT", "01 15:00 EDT", "02 10:00 EDT"]


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("0", "Sun"),
        ("7", "Sun"),
        ("5-1", "Mon Fri Sat Sun"),
        ("sun-TUE", "Mon Tue Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("2", "Tue"),
        ("4/2", "Thu Sat"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_weekdays_are_those_of_cron(field: str, days: str) -> None:
    timing = Timing.from_words(cron=f"0 9 * * {field}", timezone="UTC")
    moment, found = at("2026-06-01 00:00"), set()  # a Monday
    while (moment := timing.next_after(moment)) < at("2026-06-08 00:00"):
        found.add(f"{moment:%a}")
    assert found == set(days.split())


def test_chance_moves_within_the_jitter() -> None:
    timing = Timing.from_words(every="6h", jitter="20m", timezone="UTC")
    nominal = at("2026-05-01 12:00")
    assert timing.moved(nominal, lambda: 0.0) == nominal
    assert timing.moved(nominal, lambda: 0.5) == nominal + timedelta(minutes=10)
    assert nominal <= timing.moved(nominal) <= nominal + timedelta(minutes=20)


def test_chance_never_moves_past_the_hours_nor_to_the_next_time() -> None:
    timing = Timing.from_words(every="6h", between="08:00-22:00", jitter="2h", timezone="UTC")
    assert timing.moved(at("2026-05-01 21:30"), lambda: 0.999999) < at("2026-05-01 22:00")
    assert timing.moved(at("2026-05-01 22:00"), lambda: 0.999999) == at("2026-05-01 22:00")
    over_midnight = Timing.from_words(every="6h", between="20:00-01:00", jitter="12h", timezone="UTC")
    assert over_midnight.moved(at("2026-05-01 23:00"), lambda: 0.999999) < at("2026-05-02 01:00")
    often = Timing.from_words(cron="*/5 * * * *", jitter="1h", timezone="UTC")
    assert often.moved(at("2026-05-01 12:00"), lambda: 0.999999) < at("2026-05-01 12:05")


def test_chance_within_the_hour_that_clocks_show_twice() -> None:
    timing = Timing.from_words(cron="0 * * * *", between="01:00-02:30", jitter="59m", timezone=BERLIN)
    second = at("2026-10-25 01:00")  # 02:00 CET; it was 02:00 CEST an hour earlier
    assert second <= timing.moved(second, lambda: 0.999999) < second + timedelta(minutes=30)


def test_words_come_back_as_they_went_in() -> None:
    timing = Timing.from_words(every="90m", between="8:00 - 22:00", jitter="20m", timezone=BERLIN)
    assert Timing.from_json(timing.to_json()) == timing
    assert str(timing) == "every 1h30m, between 08:00 and 22:00, up to 20m later (Europe/Berlin)"
    cron = Timing.from_words(cron=" 0  9 * * 1-5 ", timezone="UTC")
    assert Timing.from_json(cron.to_json()) == cron
    assert str(cron) == "cron 0 9 * * 1-5 (UTC)"


def test_without_a_zone_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in (NEW_YORK, "Nowhere/Else"):  # a machine that is set up badly has hours too
        monkeypatch.setattr("tzlocal.unix._cache_tz_name", None)
        monkeypatch.setenv("TZ", zone)
        found = Timing.from_words(every="6h").timezone
        assert ZoneInfo(found) == ZoneInfo(NEW_YORK if zone == NEW_YORK else found)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "Say when"),
        ({"cron": "0 9 * * *", "every": "6h"}, "either"),
        ({"cron": "0 9 * *"}, "not a cron expression"),
        ({"cron": "61 9 * * *"}, "not a cron expression"),
        ({"cron": "0 9 * * 8"}, "'8' is not a weekday"),
        ({"cron": "0 9 * * mon-"}, "is not a weekday"),
        ({"cron": "0 9 * * */0"}, "a step is 1 or more"),
        ({"cron": "@daily"}, "five fields"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"cron": "0 3 * * *", "between": "08:00-22:00"}, "never comes between 08:00-22:00"),
        ({"every": "6 hours"}, "write it like 90m"),
        ({"every": "30s"}, "write it like 90m"),
        ({"every": "0m"}, "between a minute and a year"),
        ({"every": "999999w"}, "between a minute and a year"),
        ({"every": "6h", "jitter": "a bit"}, "write it like 90m"),
        ({"every": "6h", "between": "8-22"}, "write them like 08:00-22:00"),
        ({"every": "6h", "between": "08:00-25:00"}, "write them like 08:00-22:00"),
        ({"every": "6h", "between": "08:00-24:30"}, "write them like 08:00-22:00"),
        ({"every": "6h", "between": "08:00-08:00"}, "begins and ends at the same time"),
        ({"every": "6h", "timezone": "Europe"}, "no time zone 'Europe'"),
        ({"every": "6h", "timezone": "../../etc/passwd"}, "no time zone"),
        ({"every": "6h", "timezone": "Berlin"}, "Europe/Berlin"),
    ],
)
def test_bad_words_are_answered_with_a_sentence(words: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Timing.from_words(**words)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text("0123456789*/,-?LW#monsufri ", max_size=6), min_size=4, max_size=6).map(" ".join),
    st.text(max_size=8),
)
def test_whatever_is_typed_is_a_timing_or_a_sentence(cron: str, span: str) -> None:
    for words in (
        {"cron": cron},
        {"every": span},
        {"every": "6h", "between": span},
        {"every": "6h", "timezone": span},
    ):
        with contextlib.suppress(InputError):
            assert str(Timing.from_words(**words))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.sampled_from([{"cron": "*/20 1-3 * * *"}, {"cron": "30 * * * *"}, {"every": "50m"}, {"every": "5h"}]),
    st.sampled_from(["", "01:30-03:10", "22:00-02:15"]),
    st.sampled_from(["", "45m"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.floats(0, 0.999999),
)
def test_times_only_go_forward(
    zone: str, words: dict[str, str], between: str, jitter: str, start: datetime, chance: float
) -> None:
    timing = Timing.from_words(**words, between=between, jitter=jitter, timezone=zone)
    nominal = timing.next_after(start.replace(tzinfo=UTC))
    assert nominal > start.replace(tzinfo=UTC)
    following = timing.next_after(nominal)
    assert nominal <= timing.moved(nominal, lambda: chance) < following
    assert nominal.utcoffset() == timedelta(0)


@given(st.integers(1, 366 * 24 * 60))
def test_spans_come_back_as_they_went_in(minutes: int) -> None:
    span = timedelta(minutes=minutes)
    assert span_from_words(span_in_words(span)) == span
