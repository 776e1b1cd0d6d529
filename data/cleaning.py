"""From raw posts to texts worth learning from, with counts that add up. Two profiles:

`reference` is huggingtweets' own rules, exactly, so that results can be compared; `default` builds on them and
also leaves out what a voice must not pick up: other people's words, cut posts, repeats, private data, real names.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from data.likeness import LikenessIndex, count_words
from data.posts import Post

Profile = Literal["reference", "default"]

# What the built-in base was pre-trained with wherever somebody was mentioned.
NEUTRAL_MENTION = "@user"
SHORT_WORDS = 3  # fewer words of its own and a post is short, from the reference
CUT_CHARACTERS = 100  # a post this long that ends in an ellipsis was cut by its source

# Characters that show nothing: controls, zero-width and bidi marks, fillers, tags, lone surrogates, replacement
# marks. Variation selectors 15 and 16 stay, for emoji are written with them; so does white space, joined later.
HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffd\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U00013430-\U0001343f\U000e0000-\U000e0fff]"
)

# Top-level domains that platforms link without a path. Those that are common English words ("today", "works") are
# left out, as are countries: X links neither `done.It` nor `tell.me`.
_TOP_LEVEL = (
    "com|net|org|gov|edu|mil|info|biz|io|ai|app|dev|tv|co|gg|xyz|ly|fm|online|shop|store|blog|social|site|tech|club"
    "|wiki"
)
_DOMAIN_START = r"(?<![a-z0-9_@.-])(?![a-z0-9_-]+pic\.twitter)(?:[a-z0-9-]+\.)+"
LINK = re.compile(
    rf"""
    https?:\S* | (?:ftp|discord)://\S* | mailto:\S+ |
    \bhtt(?:ps?)?:?/*…$ |                      # a link that was cut
    pic\.twitter\.com/\w+ |                    # glued to the word before it in some exports
    (?<![a-z0-9_@.-])www\.\S+ |
    {_DOMAIN_START}[a-z]{{2,}}/\S* |     # bit.ly/x, t.me/x
    {_DOMAIN_START}(?:{_TOP_LEVEL})(?:\.[a-z]{{2}})?(?![a-z0-9_])
    """,
    re.IGNORECASE | re.VERBOSE,
)
MENTION = re.compile(
    rf"(?<![a-z0-9_@])@[a-z0-9_]+(?:@[a-z0-9-]+)?(?:(?:[a-z0-9-]*\.)+(?:{_TOP_LEVEL})(?![a-z0-9_]))?",
    re.IGNORECASE,
)

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# An ampersand, however often it was escaped: one by one, each would take a walk through the whole text.
_AMPERSAND = re.compile(r"&(?:amp;|#0{0,5}38;|#x0{0,4}26;)+", re.IGNORECASE)
_REFERENCE_LINK = re.compile(r"[ \n]https?:\S+|https?:\S+[ \n]?")
# "RT @x", "MT @x", "via @x" anywhere, and the old clients' quotation: "@x: their words" my words.
_MANUAL_RETWEET = re.compile(r"(?<!\w)(?:[RM]T|rt|mt|[Vv]ia)\s?:?\s?@\w|[\"\u201c]@\w+:")
_E_MAIL = re.compile(r"(?<![\w.+@-])\w[\w.+-]*@\w[\w-]*(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"(?:\+?1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}"  # 515-555-0123, (515) 555 0123
    r"|[2-9]\d{2}[2-9]\d{6}"  # 5155550123
    r"|\+\d{1,3}(?:[\s.()-]{0,2}\d){7,12}"  # +44 20 7946 0123
    r"|0\d{2,4}[\s./-]\d{3,4}[\s.-]?\d{3,5}"  # 020 7946 0123
    r")(?!\w)"
)
_LEADING_MENTIONS = re.compile(rf"\A(?:{MENTION.pattern}(?:[:,]*\s+|[:,]*$))+", re.IGNORECASE)
_MENTIONS_IN_A_ROW = re.compile(rf"{NEUTRAL_MENTION}(?:[\s,]+{NEUTRAL_MENTION})+(?![A-Za-z0-9_])")


@dataclass(frozen=True)
class Counts:
    """What became of the posts: downloaded - retweets - short == kept, in every profile.

    `short` counts every post of one's own with too little in it to learn from; `breakdown` says why.
    """

    downloaded: int
    retweets: int
    short: int
    kept: int
    breakdown: dict[str, int] = field(default_factory=dict)  # short, cut, private, repeated: sums to `short`


def clean(posts: Iterable[Post], profile: Profile) -> tuple[list[str], Counts]:
    """The texts to learn from, in the order given, and the counts. Never raises, whatever the posts hold."""
    kept: list[str] = []
    fates: Counter[str] = Counter()
    for post in posts:
        text, fate = _clean_reference(post) if profile == "reference" else _clean_default(post)
        fates[fate] += 1
        if fate == "kept":
            kept.append(text)
    if profile == "default":
        distinct = drop_repeated(kept)
        fates["repeated"] = len(kept) - len(distinct)
        fates["kept"] = len(distinct)
        kept = distinct
    breakdown = {fate: fates[fate] for fate in ("short", "cut", "private", "repeated") if fates[fate]}
    short = sum(breakdown.values())
    retweets = fates["retweet"]
    return kept, Counts(retweets + short + len(kept), retweets, short, len(kept), breakdown)


def clean_text_reference(text: str) -> str:
    """One post by the reference's rules: three entities, links with one neighbour, white space."""
    for entity, character in (("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(entity, character)
    return " ".join(_REFERENCE_LINK.sub("", text).split())


def is_short_reference(text: str) -> bool:
    """Fewer than three words without `http`, `@` or `#` in them."""
    return sum(not any(mark in word for mark in ("http", "@", "#")) for word in text.lower().split()) < SHORT_WORDS


def drop_repeated(texts: Sequence[str]) -> list[str]:
    """Without the texts that say what an earlier one said, exactly or nearly (see data.likeness)."""
    index = LikenessIndex(texts)
    kept = np.zeros(len(texts), dtype=np.bool_)
    for position, text in enumerate(texts):
        first = index.exact(text)
        repeats = first is not None and first < position
        kept[position] = not repeats and index.near(text, among=kept) is None
    return [text for text, keep in zip(texts, kept, strict=True) if keep]


def _clean_reference(post: Post) -> tuple[str, str]:
    if post.kind == "retweet":
        return "", "retweet"
    text = clean_text_reference(post.text)
    return text, "short" if is_short_reference(text) else "kept"


def _clean_default(post: Post) -> tuple[str, str]:
    """The text and its fate: kept, retweet, cut, private or short."""
    if post.kind == "retweet":
        return "", "retweet"
    text, fate = _one_pass(post.text)
    # What one rule takes away may uncover work for another, so go on until nothing changes.
    while fate == "kept" and (again := _one_pass(text)) != (text, fate):
        text, fate = again
    return text, fate


def _one_pass(text: str) -> tuple[str, str]:
    text = " ".join(HIDDEN.sub("", _unescape(text)).split())
    if _MANUAL_RETWEET.search(text):
        return "", "retweet"
    if _E_MAIL.search(text) or _PHONE.search(text):
        return "", "private"
    text = " ".join(LINK.sub(" ", text).split())
    if text.endswith("…") and len(text) >= CUT_CHARACTERS:
        return "", "cut"
    text = _LEADING_MENTIONS.sub("", text)
    text = _MENTIONS_IN_A_ROW.sub(NEUTRAL_MENTION, MENTION.sub(NEUTRAL_MENTION, text))
    own = " ".join(word for word in text.split() if "@" not in word and "#" not in word)
    return text, "short" if count_words(own) < SHORT_WORDS else "kept"


def _unescape(text: str) -> str:
    """HTML entities as characters, again where they were escaped twice.

    Only those closed by a semicolon: html.unescape would also read the `&not` of "you &not me".
    """
    while (plain := _ENTITY.sub(lambda entity: html.unescape(entity[0]), _AMPERSAND.sub("&", text))) != text:
        text = plain
    return text
