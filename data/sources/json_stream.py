"""The entries of a huge JSON list, or JSON values one after the other, with the memory of a few of them.

The entries of a list that lie whole in a sliding window are decoded at once, by msgspec, and only into what the
caller has use for. What msgspec refuses, such as half an emoji, goes to the standard library's decoder, entry by
entry. (ijson was measured and rejected: its C backend, 3.6.0, crashes the process on an integer of 5,000 digits
and fails a whole file on half an emoji.)
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from data.errors import InputError

T = TypeVar("T")

MAX_ENTRY = 1 << 20  # characters; the longest post X takes has 25,000
_STEP = 1 << 16  # bytes; four times as many fall out of the processor's cache: 11 us a post, not 8.4
_SPACE = re.compile(rb"\s*")
# `window.YTD.tweets.part0 = `, `Grailbird.data.tweets_2013_06 = `, `var user_details = `
_ASSIGNMENT = re.compile(r"\s*(?:var\s+)?([\w.]{1,200})\s*=\s*")
# Numbers with a point or an exponent stay text: an id must never pass through a float.
_DECODER = json.JSONDecoder(parse_float=str, parse_constant=str)


class Shape(Generic[T]):
    """What entries are made into."""

    def __init__(self, kind: type[T], one: Callable[[dict[str, Any]], T]) -> None:
        """`kind` is what msgspec makes of the entries; where it refuses, `one` makes the same of each object."""
        self.many = msgspec.json.Decoder(list[kind], float_hook=str)  # type: ignore[valid-type]
        self.one = one


_OBJECTS = Shape(dict[str, Any], lambda value: value)  # integers of any length are whole in both


def assigned_name(head: bytes) -> str | None:
    """The JavaScript name that a file's first bytes assign to, such as `window.YTD.tweets.part0`, if they do."""
    match = _ASSIGNMENT.match(head.decode("utf-8-sig", "replace"))
    return match.group(1) if match else None


def as_object(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def entries(stream: BinaryIO, name: str, under: str | None = None) -> Iterator[dict[str, Any]]:
    """The objects of the list in `stream`, or the objects themselves where no list is around them (JSON lines).

    `under` is the list's key where one object is around it. A JavaScript assignment before and a semicolon after
    are cut. The stream is read to its end and closed. Raises InputError, with `name` in it, for what isn't such
    JSON in UTF-8, is cut off, nested deeply, or has an entry that is no object or is above MAX_ENTRY.
    """
    return shaped_entries(stream, name, _OBJECTS, under)


def shaped_entries(stream: BinaryIO, name: str, shape: Shape[T], under: str | None = None) -> Iterator[T]:
    """The same, each made into what `shape` says."""
    with stream:
        window = _opened(stream, name)
        if under is not None:
            for key in _keys(window):
                if key == under:
                    yield from _elements(window, shape)
                else:
                    window.take_value()
        elif window.next() == "[":
            window.closing = "]"
            yield from _elements(window, shape)
        else:
            while window.next():
                yield shape.one(window.take_object())
        if window.next() == ";":
            window.take(";")
        if window.next():
            raise window.refusal()


def some_values(stream: BinaryIO, name: str, *keys: str) -> dict[str, Any]:
    """The values of these keys of the one object in `stream`, of which no more is read than it takes to find them.

    Raises InputError as `entries` does.
    """
    found: dict[str, Any] = {}
    with stream:
        window = _opened(stream, name)
        for key in _keys(window):
            value = window.take_value()
            if key in keys:
                found[key] = value
            if len(found) == len(keys):
                break
    return found


def _opened(stream: BinaryIO, name: str) -> "_Window":
    window = _Window(stream, name)
    window.skip(_ASSIGNMENT)
    if not window.next():
        raise InputError(f"{name} is empty.")
    if window.next() not in "[{":
        raise InputError(f"{name} does not begin as JSON does; give the file as it was downloaded.")
    return window


def _keys(window: "_Window") -> Iterator[str]:
    """The keys of an object; whoever gets one takes its value before asking for the next."""
    window.take("{")
    while window.next() != "}":
        key = window.take_value()
        if not isinstance(key, str):
            raise window.refusal()
        window.take(":")
        yield key
        if window.next() != "}":
            window.take(",")
    window.take("}")


def _elements(window: "_Window", shape: Shape[T]) -> Iterator[T]:
    window.take("[")
    while window.next() != "]":
        yield shape.one(window.take_object())
        if window.next() != "]":
            window.take(",")
            yield from window.take_many(shape.many)
    window.take("]")


def small_object(stream: BinaryIO, name: str) -> dict[str, Any]:
    """The one object, or the first of the list, in a small file such as account.js; empty where there is none."""
    return next(entries(stream, name), {})


class _Window:
    """The part of the file that is being looked at; what was taken is forgotten when more is read.

    It is kept as bytes, which msgspec decodes twice as fast as text with an emoji in it; only what is read one by
    one is made into text.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.closing = "}"  # what a whole file ends with
        self._stream = stream
        self._name = name
        self._bytes = b""  # whole characters
        self._at = 0
        self._begun = b""  # a character that is not whole yet
        self._text = ""  # the same, or its end, if it was asked for, and where the character at `_at` stands there
        self._text_at = 0
        self._objects = 0
        self._ended = False
        self._is_odd = False  # this piece can't be decoded at once
        self._read_more()
        if self._bytes.startswith(codecs.BOM_UTF8):
            self._at = len(codecs.BOM_UTF8)

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Pass over a pattern that lies at the very start, within the first piece read."""
        if match := pattern.match(self._as_text()):
            self._pass_text(match.end())

    def next(self) -> str:
        """The next character that is not white space, without taking it; empty at the end."""
        while True:
            space = _SPACE.match(self._bytes, self._at)
            assert space is not None
            self._text_at += space.end() - self._at
            self._at = space.end()
            if self._at < len(self._bytes):
                return chr(self._bytes[self._at])
            if self._ended:
                return ""
            self._read_more()

    def take(self, character: str) -> None:
        """Pass over this character. Raises InputError where it is not the next."""
        if self.next() != character:
            raise self.refusal()
        self._at += 1
        self._text_at += 1

    def take_object(self) -> dict[str, Any]:
        """Decode one JSON object and pass over it."""
        if self.next() != "{":
            raise self.refusal()
        value = as_object(self.take_value())
        self._objects += 1
        return value

    def take_many(self, decoder: msgspec.json.Decoder[list[T]]) -> Iterator[T]:
        """Behind a comma: decode the entries that lie whole in the window at once, and pass over their commas too.

        None where that fails; one by one they may be readable all the same, and it is known which one is not.
        """
        # As between these two entries, so between all: line break, indentation, first key. Where the same stands
        # within an entry, what is cut out there is no JSON.
        start = self._bytes.rfind(b"}", 0, self._at)
        between = self._bytes[start : self._bytes.find(b":", self._at)]
        while start >= 0 and not self._is_odd:
            end = self._bytes.rfind(between, self._at)
            if end < 0:
                if self._ended or len(self._bytes) - self._at > _STEP:
                    return
                self._read_more()  # the last one's end, and some more entries
                continue
            try:
                found = decoder.decode(b"[%b]" % self._bytes[self._at : end + 1])
            except (ValueError, RecursionError):
                self._is_odd = True
                return
            self._at = end + between.index(b",") + 1
            self._text = ""
            self._objects += len(found)
            yield from found

    def take_value(self) -> Any:
        """Decode one JSON value of any kind and pass over it."""
        while self.next():
            try:
                value, end = _DECODER.raw_decode(self._as_text(), self._text_at)
            except RecursionError:
                raise InputError(
                    f"{self._name} is nested deeper than any post; it is not a file of posts."
                ) from None
            except ValueError:
                if self._ended or self._is_too_long():
                    raise self.refusal() from None
            else:
                if end < len(self._text) or self._ended:  # what ends at the window's edge may be half a number
                    self._pass_text(end)
                    return value
            self._read_more()
        raise self.refusal()

    def refusal(self) -> InputError:
        """Why this can't be read on."""
        if self._is_too_long():
            return InputError(
                f"{self._name} holds an entry above {MAX_ENTRY >> 20} MB or damaged text after entry "
                f"{self._objects:,}; no post is that long, so export it again."
            )
        if self._ended and not self._as_text().rstrip("; \t\r\n").endswith(self.closing):
            return InputError(f"{self._name} is cut off after entry {self._objects:,}; download or copy it again.")
        return InputError(
            f"{self._name} is damaged, or no list of posts, after entry {self._objects:,}; "
            "download or export it again."
        )

    def _is_too_long(self) -> bool:
        return len(self._as_text()) - self._text_at > MAX_ENTRY

    def _as_text(self) -> str:
        if not self._text:
            self._text, self._text_at = self._bytes[self._at :].decode(), 0
        return self._text

    def _pass_text(self, end: int) -> None:
        self._at += len(self._text[self._text_at : end].encode())
        self._text_at = end

    def _read_more(self) -> None:
        piece = self._stream.read(_STEP)
        self._ended = not piece
        self._is_odd = False
        piece = self._begun + piece
        try:
            text, whole = codecs.utf_8_decode(piece, "strict", self._ended)
        except UnicodeDecodeError:
            raise InputError(f"{self._name} is not UTF-8 text, or is damaged; export it again as UTF-8.") from None
        self._bytes = self._bytes[self._at :] + piece[:whole]
        self._begun = piece[whole:]
        self._at = 0
        if self._text:
            self._text = self._text[self._text_at :] + text
            self._text_at = 0
