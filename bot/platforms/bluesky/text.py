"""How Bluesky counts a text, and what it marks in one: facets, which point at names and links by their bytes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import regex

from data.sources.markup import whole_link

LONGEST = 300  # graphemes: what a reader takes for one character
BYTES_EACH = 10  # a post may hold 3,000 bytes, too


def length(text: str) -> int:
    """Graphemes, or more where the text would be refused for its bytes."""
    return max(len(regex.findall(r"\X", text)), -(-len(text.encode(errors="replace")) // BYTES_EACH))


@dataclass(frozen=True)
class Facet:
    """A stretch of a text, from byte to byte of its UTF-8, that stands for an account or a link."""

    start: int
    end: int
    did: str
    link: str

    @classmethod
    def all_of(cls, record: Any) -> list[Self]:
        """Those of a post's record as the SDK gives it; tags and what came up since are left out."""
        return [
            cls(facet.index.byte_start, facet.index.byte_end, did or "", link or "")
            for facet in record.facets or ()
            for feature in facet.features
            for did, link in ((getattr(feature, "did", None), getattr(feature, "uri", None)),)
            if did or link
        ]


@dataclass(frozen=True)
class Name:
    """What an account is called in posts: its id where the name was marked, and its handle in any case."""

    did: str
    handle: str

    def taken_out(self, text: str, facets: Iterable[Facet]) -> str:
        """The text as people read it: links in full, and without this name."""
        data, rest = text.encode(errors="replace"), len(text.encode(errors="replace"))
        for facet in sorted(facets, key=lambda facet: facet.start, reverse=True):
            if not 0 <= facet.start < facet.end <= rest:
                continue  # out of the text, or over another one: nobody shows those
            shown = data[facet.start : facet.end].decode(errors="replace")
            if facet.did == self.did:
                shown = f"@{self.handle}"
            elif facet.link:
                shown = whole_link(shown, facet.link)
            data = data[: facet.start] + shown.encode() + data[facet.end :]
            rest = facet.start
        return re.sub(r"[ \t]{2,}", " ", self._written.sub("", data.decode(errors="replace"))).strip()

    @property
    def _written(self) -> re.Pattern[str]:
        """With a comma or colon that follows it, as people address somebody."""
        return re.compile(rf"(?<![\w@.-])@{re.escape(self.handle)}(?![\w-]|\.\w)(?:[,:](?=\s|$))?", re.IGNORECASE)
