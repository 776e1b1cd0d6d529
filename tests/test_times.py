"""When a post was written, by what its source says and by the clock in its id."""

from datetime import timedelta

import pytest

from data.sources.times import parse_time, time_of
from tests.archives import moment, snowflake, x_time

ID, AT = snowflake(moment(0)), moment(0)


@pytest.mark.parametrize(
    "stated",
    [
        x_time(AT),
        x_time(AT).replace("12:00:00", "23:59:59"),
        x_time(AT).replace("12:00:00", "25:61:61"),
        x_time(AT).replace("+0000", "-0900"),
        x_time(AT + timedelta(hours=47)),
        f"{AT:%Y-%m-%dT%H:%M:%S}.0000+00:00",
        "no time, but thirty characters",
        None,
    ],
)
def test_the_clock_of_the_id_is_believed_where_nothing_speaks_against_it(stated: object) -> None:
    assert time_of(ID, stated) == AT


@pytest.mark.parametrize("hours", [-49, -48, 48, 49, 24 * 400])
def test_what_the_source_says_is_believed_where_the_id_is_far_off(hours: int) -> None:
    stated = x_time(AT + timedelta(hours=hours))
    assert time_of(ID, stated) == parse_time(stated) == AT + timedelta(hours=hours)
