"""From raw posts to texts worth learning from, with counts that add up. Two profiles:

`reference` is huggingtweets' own rules, exactly, so that results can be compared; `default` builds on them and
also leaves out what a voice must not pick up: other people's words, cut posts, repeats, private data, real names.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from data.likeness import count_words
from data.posts import PostKind
from data.repeats import repeated

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
    rf"@(?<![a-z0-9_@]@)[a-z0-9_]+(?:@[a-z0-9-]+)?(?:(?:[a-z0-9-]*\.)+(?:{_TOP_LEVEL})(?![a-z0-9_]))?",
    re.IGNORECASE,
)

# Words in which no rule below has anything to look for, single spaces between them: no digit, none of "&@#:", a
# point at most at the end of a word. Of half of the bench's posts and few of real ones that is all there is.
_PLAIN_WORD = r"[!\"$%'()*+,\-/;<=>?A-~]+\.?"
_PLAIN = re.compile(rf"{_PLAIN_WORD}(?: {_PLAIN_WORD})*")
# Words of one's own, enough of them at a glance; where they are harder to see they are counted.
_ENOUGH_WORDS = re.compile(rf"(?:[A-Za-z0-9]\S*\s+){{{SHORT_WORDS - 1}}}[A-Za-z0-9]")

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
# An ampersand, however often it was escaped: one by one, each would take a walk through the whole text.
_AMPERSAND = re.compile(r"&(?:amp;|#0{0,5}38;|#x0{0,4}26;)+", re.IGNORECASE)
_REFERENCE_LINK = re.compile(r"[ \n]https?:\S+|https?:\S+[ \n]?")
# "RT @x", "MT @x", "via @x" anywhere, and the old clients' quotation: "@x: their words" my words.
_MANUAL_RETWEET = re.compile(r"(?<!\w)(?:[RM]T|rt|mt|[Vv]ia)\s?:?\s?@\w|[\"\u201c]@\w+:")
_MAY_BE_RETWEET = re.compile(r"@(?<=[\sTta:\"\u201c]@)\w")  # what each of the above has
_E_MAIL = re.compile(r"(?<![\w.+@-])\w[\w.+-]*@\w[\w-]*(?:\.[\w-]+)+")
_MAY_HOLD_E_MAIL = re.compile(r"@(?<=[\w.+-]@)\w")  # an "@" that comes first in a pattern is found at a glance
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"(?:\+?1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}"  # 515-555-0123, (515) 555 0123
    r"|[2-9]\d{2}[2-9]\d{6}"  # 5155550123
    r"|\+\d{1,3}(?:[\s.()-]{0,2}\d){7,12}"  # +44 20 7946 0123
    r"|0\d{2,4}[\s./-]\d{3,4}[\s.-]?\d{3,5}"  # 020 7946 0123
    r")(?!\w)"
)
# A word that may hold a link: it has a colon, a point before something, or was cut. With the space after it, as
# only at the end of a post a link was cut. LINK on these words alone took 6 us a post, on all of it 40.
_WORD_WITH_LINK = re.compile(r"(?<!\S)[^\s:.…]*+(?:[:…]|\.\S)\S* ?")
_POINT_WITHIN = re.compile(r"\.\S")
# Nearly all of X's links are words like this, of which LINK leaves nothing.
_PLAIN_LINK = re.compile(r"h(?<!\Sh)ttps?:\S*")
_MAY_HOLD_PHONE = re.compile(r"\d(?:\D{0,2}\d){7}")  # eight digits and little between, as all of the above have
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


class Cleaner:
    """Takes posts in the order of their ids, in any portions, as archives may not fit into memory whole."""

    def __init__(self, profile: Profile) -> None:
        self.profile: Profile = profile
        self._kept: list[str] = []
        self._fates: Counter[str] = Counter()

    def take(self, posts: Iterable[tuple[PostKind, str]]) -> None:
        """Each post's kind and raw text. Never raises, whatever they hold."""
        of_profile = _clean_reference if self.profile == "reference" else _clean_default
        for kind, raw in posts:
            text, fate = ("", "retweet") if kind == "retweet" else of_profile(raw)
            self._fates[fate] += 1
            if fate == "kept":
                self._kept.append(text)

    def finish(self) -> tuple[list[str], Counts]:
        """The texts to learn from, in the order given, and the counts."""
        fates, kept = self._fates.copy(), self._kept
        if self.profile == "default":
            repeats = repeated(kept)
            kept = [text for text, repeats_another in zip(kept, repeats, strict=True) if not repeats_another]
            fates["repeated"] = len(self._kept) - len(kept)
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


def _clean_reference(raw: str) -> tuple[str, str]:
    text = clean_text_reference(raw)
    return text, "short" if is_short_reference(text) else "kept"


def _clean_default(raw: str) -> tuple[str, str]:
    """The text and its fate: kept, retweet, cut, private or short."""
    before, (text, fate) = raw, _one_pass(raw)
    # What one rule takes away may uncover work for another, so go on until nothing changes.
    while fate == "kept" and text != before and not _lost_its_end(before, text):
        before, (text, fate) = text, _one_pass(text)
    return text, fate


def _lost_its_end(before: str, text: str) -> bool:
    """Whether only last words were taken, as most links are: that uncovers no more than a cut or a retweet."""
    may_uncover = "@" in text or text.endswith("…")
    return not may_uncover and before.startswith(text) and before[len(text) : len(text) + 1].isspace()


def _one_pass(text: str) -> tuple[str, str]:
    # Found at a glance, as most posts of X's archives have one of these: a mention, a hashtag or a link.
    if not ("@" in text or "#" in text or ":" in text) and _PLAIN.fullmatch(text):
        return text, _short_or_kept(text)
    if "&" in text:
        text = _unescape(text)
    if not (text.isascii() and text.isprintable()):
        text = HIDDEN.sub("", text)
    if "  " in text or not text.isprintable() or text != text.strip():
        text = " ".join(text.split())
    named = "@" in text
    if named and _MAY_BE_RETWEET.search(text) and _MANUAL_RETWEET.search(text):
        return "", "retweet"
    if (_MAY_HOLD_E_MAIL.search(text) and _E_MAIL.search(text)) or (
        _MAY_HOLD_PHONE.search(text) and _PHONE.search(text)
    ):
        return "", "private"
    bare = _PLAIN_LINK.sub("", text) if "http" in text else text
    if ":" in bare or "…" in bare or _POINT_WITHIN.search(bare):
        bare = _WORD_WITH_LINK.sub(lambda word: LINK.sub(" ", word[0]), bare)
    if bare != text:
        text = " ".join(bare.split())
    if text.endswith("…") and len(text) >= CUT_CHARACTERS:
        return "", "cut"
    if named:
        text = _LEADING_MENTIONS.sub("", text)
        text = _MENTIONS_IN_A_ROW.sub(NEUTRAL_MENTION, MENTION.sub(NEUTRAL_MENTION, text))
    own = text
    if "@" in text or "#" in text:
        own = " ".join([word for word in text.split() if "@" not in word and "#" not in word])
    return text, _short_or_kept(own)


def _short_or_kept(own: str) -> str:
    """The fate of a post with these words of its own."""
    return "kept" if _ENOUGH_WORDS.match(own) or count_words(own) >= SHORT_WORDS else "short"


def _unescape(text: str) -> str:
    """HTML entities as characters, again where they were escaped twice.

    Only those closed by a semicolon: html.unescape would also read the `&not` of "you &not me".
    """
    while (plain := _ENTITY.sub(lambda entity: html.unescape(entity[0]), _AMPERSAND.sub("&", text))) != text:
        text = plain
    return text
