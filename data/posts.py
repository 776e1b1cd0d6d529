"""The words of the domain that every layer speaks: handles, posts and where they came from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from data.errors import InputError

PLATFORMS: Mapping[str, str] = {"x": "X", "bluesky": "Bluesky"}
"""Where posts are read from and sent to: what persons and drafts are named with, and what people read."""

PostKind = Literal["post", "reply", "quote", "retweet"]

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")
# Letters, digits and the marks that account names of X, Bluesky and Mastodon are made of; so long at most that a
# message has room for three of them.
_HANDLE = re.compile(r"[a-z0-9_][a-z0-9_.\-]{0,63}(?:@[a-z0-9.\-]{1,63})?")


def normalise_handle(name: str) -> str:
    """`" @Some_One "` -> `"some_one"`. Raises InputError for what can't be an account name."""
    handle = name.strip().removeprefix("@").lower()
    if not _HANDLE.fullmatch(handle):
        raise InputError(f"{name!r} is not an account name; give it like @some_one.")
    return handle


def handles_in(name: str) -> list[str]:
    """`"@b + a"` -> `["a", "b"]`: the handles of a voice's name. Raises InputError for what can't be one."""
    return sorted({normalise_handle(part) for part in name.split("+")})


def voice_name(handles: Iterable[str]) -> str:
    """What the voice of these handles is called: sorted and joined by '+', which no handle holds."""
    return "+".join(sorted(handles))


def timeline_cursor(platform: str, handle: str) -> str:
    """The name under which the store keeps how far a handle's posts on a platform were read."""
    return f"timeline {platform} {handle}"


def language_code(value: object) -> str | None:
    """What a source says a post's language is, such as "en" or "pt-BR"; None for what is no such code."""
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else None


def storable(text: str) -> str:
    """Without what no database takes: NUL, and halves of emoji."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "ignore").decode().replace("\0", "")


class Post(msgspec.Struct, frozen=True, gc=False):
    """One thing a person wrote, as its source holds it: `text` is raw, with links and HTML entities.

    A Struct, as archives hold hundreds of thousands: a frozen dataclass took 3 us to make, this takes 0.3.
    """

    id: str
    handle: str
    text: str
    created_at: datetime | None = None  # aware, UTC
    kind: PostKind = "post"
    reply_to_id: str | None = None
    lang: str | None = None
    edit_of_id: str | None = None  # the first version's id, where this post was edited


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a corpus came from and what may be done with it; stored with every import."""

    source: str  # a key of data.sources.SOURCES, such as "x-archive"; "x-api", "bluesky" for what was read there
    file_name: str  # or "@handle"
    file_digest: str  # sha256 of the bytes read, hex; of what was read page by page, over its ids and texts
    imported_at: datetime  # aware, UTC
    consent: str  # whose word allows this, in words: "owner of the archive", "bundled sample"
    may_train: bool = True
    may_publish: bool = False
