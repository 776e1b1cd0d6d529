"""How X reads a post's text: its weighted length, its links and names, and the form in which it gives it back."""

import html
import re
import unicodedata
from hashlib import sha256
from typing import Any

MOST_WEIGHT = 280
LINK_WEIGHT = 23  # of any link, however long
# Characters of weight 1; all others weigh 2 (twitter-text, configuration 3).
LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))
# A sequence that shows as one picture weighs 2: flags, keycaps, and joined or coloured emoji.
_PICTURE = r"[\u203c\u2049\u2139\u2194-\u21aa\u231a-\u23ff\u2600-\u27bf\u2934-\u2b55\U0001f000-\U0001faff]"
_MODIFIER = r"[\ufe0f\U0001f3fb-\U0001f3ff]"
_TAGS = r"[\U000e0020-\U000e007f]*"  # the flags of England, Scotland and Wales
EMOJI = re.compile(
    rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}{_MODIFIER}*{_TAGS}(?:\u200d{_PICTURE}{_MODIFIER}*)*"
)
# X links bare names too; these endings are enough for tests.
LINK = re.compile(
    r"https?://[^\s<>]+[^\s<>.,;:!?'\")\]]"
    r"|(?<![\w@./-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|co|eu|de|uk|me|gg|social)\b(?:/[^\s<>]*[^\s<>.,;:!?])?",
    re.IGNORECASE,
)
MENTION = re.compile(r"(?<![\w@/])@([A-Za-z0-9_]{1,15})(?![\w@])")
HASHTAG = re.compile(r"(?<![\w&/])#(\w*[^\W\d]\w*)")


def weighted_length(text: str) -> int:
    """The length that X holds against 280."""
    text = unicodedata.normalize("NFC", text)
    text, links = LINK.subn("", text)
    text, pictures = EMOJI.subn("", text)
    return links * LINK_WEIGHT + pictures * 2 + sum(_weight(ord(character)) for character in text)


def _weight(code: int) -> int:
    return 1 if any(first <= code <= last for first, last in LIGHT) else 2


def has_link(text: str) -> bool:
    return LINK.search(text) is not None


def mentioned(text: str) -> set[str]:
    """The names after @, in lower case: X's names know no case."""
    return {name.lower() for name in MENTION.findall(text)}


def as_given(text: str) -> str:
    """The text as X gives it: links wrapped, and &, < and > written as entities."""
    return html.escape(LINK.sub(lambda link: _wrapped(link[0]), text), quote=False)


def cut(text: str) -> str:
    """The `text` of a long post, whose whole is in its note."""
    whole = as_given(text)
    return whole if weighted_length(text) <= MOST_WEIGHT else f"{whole[:256]}… {_wrapped(text)}"


def entities(text: str) -> dict[str, Any]:
    """The links, names and hashtags of a text, with places in the text as given; X leaves empty lists out."""
    wrapped = {_wrapped(link): link for link in LINK.findall(text)}
    given = as_given(text)
    found = {
        "urls": [
            _span(link) | {"url": link[0], "expanded_url": _absolute(wrapped[link[0]])}
            for link in LINK.finditer(given)
            if link[0] in wrapped
        ],
        "mentions": [_span(name) | {"username": name[1]} for name in MENTION.finditer(given)],
        "hashtags": [_span(tag) | {"tag": tag[1]} for tag in HASHTAG.finditer(given)],
    }
    return {kind: list(places) for kind, places in found.items() if places}


def _span(match: re.Match[str]) -> dict[str, Any]:
    return {"start": match.start(), "end": match.end()}


def _absolute(link: str) -> str:
    return link if "://" in link else f"http://{link}"


def _wrapped(link: str) -> str:
    return f"https://t.co/{sha256(link.encode()).hexdigest()[:10]}"


def compared(text: str) -> str:
    """What is equal in posts that X takes for duplicates: the text, whatever the spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())
