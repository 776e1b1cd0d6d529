"""Long posts ("notes"): X keeps their whole text in a file of its own, without saying which post it belongs to.

Measured on real archives: note ids equal no post's id; a note and its post are made in the same second (42 of 42),
and the note's text begins like the post's once entities are unescaped and leading mentions, which notes lack, are
set aside.
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from msgspec import structs

from data.errors import InputError
from data.posts import Post
from data.sources.json_stream import as_object
from data.sources.markup import unescaped
from data.sources.times import parse_time
from data.sources.x_tweets import digits

_WINDOW = 2  # seconds between a note and its post; at most 1.7 were measured
_SURE = 40  # characters in common that make a match
_MAX_CHARACTERS = 50_000_000  # of all notes together, which are held in memory
_APIECE = 100  # characters, counted for each note besides its own: what holds it takes room too
_MOST_NEAR = 20  # notes of one second that are looked at
_MOST_COMPARED = 1_000  # characters; a cut post has 280
_MENTIONS = re.compile(r"(?:@\w{1,20}\s+)*")
# A post that was cut ends in an ellipsis, with the link to its picture or quoted post after it.
_LINK_AT_END = re.compile(r"https://t\.co/\w*\Z")


@dataclass(frozen=True, slots=True)
class Note:
    """The whole text of a long post, without HTML entities."""

    id: str
    text: str
    created_at: datetime | None
    post_id: str | None  # given in no real archive seen, but documented by others


class Notes:
    """All notes of an archive, found again by the second they were made in."""

    def __init__(self, elements: Iterable[dict[str, object]], skipped: Counter[str]) -> None:
        """Reads all `elements`, each as note-tweet.js has it. Raises InputError above 50 million characters."""
        self._by_second: defaultdict[int, list[Note]] = defaultdict(list)
        self._by_post: dict[str, Note] = {}
        self._waiting: dict[str, Note] = {}
        characters = 0
        for element in elements:
            note = _note(element, skipped)
            if note is None:
                continue
            characters += len(note.text) + _APIECE
            if characters > _MAX_CHARACTERS:
                raise InputError("The archive holds more long posts than one person writes; it can't be read.")
            self._waiting[note.id] = note
            if note.post_id:
                self._by_post[note.post_id] = note
            elif note.created_at:
                self._by_second[int(note.created_at.timestamp())].append(note)

    def join(self, post: Post) -> Post:
        """The post with the whole text in place of a cut one, escaped as all of the archive's texts are."""
        if not self._waiting or post.kind == "retweet":
            return post
        text = unescaped(post.text)
        mentions = _MENTIONS.match(text)
        lead = mentions.group() if mentions else ""
        note = self._by_post.get(post.id) or self._best(post, text.removeprefix(lead))
        if note is None:
            return post
        self._waiting.pop(note.id, None)
        whole = note.text if note.text.startswith(lead) else lead + note.text
        return structs.replace(post, text=html.escape(whole, quote=False))

    def rest(self, handle: str) -> Iterator[Post]:
        """Notes that belong to no post of the archive, as posts of their own."""
        for note in self._waiting.values():
            yield Post(note.id, handle, html.escape(note.text, quote=False), note.created_at)

    def _best(self, post: Post, text: str) -> Note | None:
        if post.created_at is None:
            return None
        second = int(post.created_at.timestamp())
        near = [
            note
            for offset in range(-_WINDOW, _WINDOW + 1)
            for note in self._by_second.get(second + offset, [])[:_MOST_NEAR]
            if note.id in self._waiting
        ]
        shown = _LINK_AT_END.sub("", text.rstrip()).rstrip()
        is_cut = shown.endswith("…")
        body = shown.removesuffix("…")[:_MOST_COMPARED]
        common = {note.id: _common(body, note.text) for note in near}
        # A cut text must share its beginning; a whole one must be the beginning, or all of a short note.
        needed = min(_SURE, len(body)) if is_cut else len(body)
        fitting = [
            note
            for note in near
            if body and common[note.id] >= needed and (needed >= _SURE or is_cut or body == note.text)
        ]
        return max(fitting, key=lambda note: common[note.id], default=None)


def _common(body: str, note: str) -> int:
    """Characters shared at the beginning; a note may keep the mentions after all."""
    return max(
        sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(body, text, strict=False)))
        for text in (note, _MENTIONS.sub("", note, count=1))
    )


def _note(element: dict[str, object], skipped: Counter[str]) -> Note | None:
    note = as_object(element.get("noteTweet", element))
    core = as_object(note.get("core")) or as_object(note.get("noteTweetResults"))
    text, note_id = core.get("text"), digits(note.get("noteTweetId"))
    post_id = digits(note.get("tweetId"))
    if not isinstance(text, str) or not text.strip() or not (note_id or post_id):
        skipped["without text"] += 1
        return None
    if as_object(note.get("lifecycle")).get("name", "Active") != "Active":
        skipped["deleted"] += 1
        return None
    return Note(note_id or str(post_id), text, parse_time(note.get("createdAt")), post_id)
