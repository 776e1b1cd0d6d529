"""Entries decoded many at once are those that one by one gives, whatever lies between them and within them."""

import io
import json
from typing import Any, BinaryIO, cast

import pytest

from data.errors import InputError
from data.sources import json_stream
from data.sources.json_stream import entries
from tests.archives import tweet

ODD: dict[str, Any] = {
    "links": [{"n": 1}, {"n": 2}, {"n": 3}],  # apart as entries are, where nothing is indented
    "whole": 10**19 + 1,
    "huge": 10**40,
    "part": 1498629119800246272.5,
    "text": '}, { \\ "},\n{" 🦜',
}


def listed(count: int) -> list[dict[str, Any]]:
    return [
        {"tweet": tweet(f"Tea number {number}.", number) | (ODD if number % 9 == 0 else {})}
        for number in range(count)
    ]


def read(content: str) -> list[dict[str, Any]]:
    return list(entries(cast(BinaryIO, io.BytesIO(content.encode())), "tweets.js"))


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("separators", [(",", ":"), (" ,  ", " : ")])
def test_all_entries_as_the_standard_library_reads_them(
    indent: int | None, separators: tuple[str, str], ascii_only: bool
) -> None:
    content = json.dumps(listed(700), indent=indent, separators=separators, ensure_ascii=ascii_only)
    assert read(content) == json.loads(content, parse_float=str)


def test_most_entries_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = []
    take_object = json_stream._Window.take_object
    monkeypatch.setattr(
        json_stream._Window, "take_object", lambda window: one_by_one.append(1) or take_object(window)
    )
    assert len(read(json.dumps(listed(2_000), indent=2))) == 2_000
    assert len(one_by_one) < 200


@pytest.mark.parametrize(
    ("odd", "value"),
    [('"\\ud83e"', "\ud83e"), ("NaN", "NaN"), ("9" * 4_000, int("9" * 4_000))],
    ids=["half an emoji", "no number", "many digits"],
)
def test_what_only_one_by_one_can_read_is_read(odd: str, value: object) -> None:
    written = json.dumps(listed(300), indent=2)
    middle = written.replace('"Tea number 150."', odd)
    assert middle != written
    read_entries = read(middle)
    assert len(read_entries) == 300
    assert read_entries[150]["tweet"]["full_text"] == value


def test_the_entry_before_the_damage_is_named_rightly() -> None:
    content = json.dumps(listed(300), indent=2).replace('"Tea number 150."', '"Tea \\q"')
    with pytest.raises(InputError, match="after entry 150;"):
        read(content)
