"""Entries decoded many at once are those that one by one gives, whatever lies between them and within them."""

import io
import json
from typing import Any, BinaryIO, cast

import pytest

from data.errors import InputError
from data.sources import json_stream
from data.sources.json_stream import entries, shaped_entries
from data.sources.x_tweets import ELEMENTS, post_from_tweet
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


@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_lie_across_two_pieces(shift: int) -> None:
    written = [{"text": "🦜" * 30_000}] * 3
    content = " " * shift + json.dumps(written, ensure_ascii=False)
    assert read(content) == written
    assert read("\n".join(json.dumps(value, ensure_ascii=False) for value in written)) == written


def test_what_is_decoded_at_once_is_made_into_the_same_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    odd: list[dict[str, Any]] = [
        {"entities": None},
        {"entities": {"urls": [{"expanded_url": "https://x.com/a/status/1"}, {"expanded_url": 5}, {}]}},
        {"id": 10**19 + 1, "id_str": 1.5, "deleted_at": None, "edit_info": {"edit": 5}},
        {"full_text": ["no text"], "user": {"screen_name": "ada"}, "unknown": {"nested": [1, 2]}},
    ]
    values = [tweet(f"Tea {number} 🦜", number) | odd[number % len(odd)] for number in range(200)]
    content = json.dumps([{"tweet": value} for value in values[:100]] + values[100:], indent=2).encode()

    def shaped() -> list[object]:
        elements = shaped_entries(cast(BinaryIO, io.BytesIO(content)), "tweets.js", ELEMENTS)
        found = [element.tweet or element for element in elements]
        return [(post_from_tweet(one, "ada"), one.deleted_at, one.edit_info, one.user) for one in found]

    at_once = shaped()
    monkeypatch.setattr(json_stream._Window, "take_many", lambda window, decoder: iter(()))
    assert len(at_once) == 200
    assert shaped() == at_once
