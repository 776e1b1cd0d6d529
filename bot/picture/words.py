"""Text as a picture takes it: cleaned, cut at a word, and split into what readers see as one character.

Those are grapheme clusters: a letter with its accents, a family of emoji, a flag.
"""

import unicodedata

import regex

LONGEST_READ = 4_000  # characters; whatever follows is in no picture
MOST_MARKS = 4  # accents that a letter keeps; a stack of thousands would cover the picture
LONGEST_EMOJI = 16  # code points; the longest in use have ten
ELLIPSIS = "…"

# Controls, surrogates, private characters, and those that format, but for the joiners (which Persian, the scripts
# of India and emoji need) and the tags that make up some flags.
_UNSEEN = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}[\p{Cf}--[\u200C\u200D\U000E0020-\U000E007F]]]", regex.V1
)
_NO_PART_OF_A_LETTER = regex.compile(r"[\uFE0E\uFE0F\U000E0020-\U000E007F]")
_SPACES = regex.compile(r"\s+")
_ACCENTS_OF_NOTHING = regex.compile(r"^[\s\p{M}]+")
_CLUSTER = regex.compile(r"\X")
_EMOJI = regex.compile(
    r"\p{Emoji_Presentation}(?!\uFE0E)|\p{Emoji}\uFE0F|[0-9#*]\u20E3|\p{Extended_Pictographic}[\u200D\p{EMod}]"
)
_NO_END = " ,;:-\u2013\u2014("

# Classes of Unicode's line breaking.
_NEVER_FIRST = regex.compile(
    r"[ \p{lb=CL}\p{lb=CP}\p{lb=EX}\p{lb=IN}\p{lb=NS}\p{lb=CJ}\p{lb=IS}\p{lb=PO}\p{lb=QU}]"
)
_NEVER_LAST = regex.compile(r"[\p{lb=OP}\p{lb=QU}\p{lb=PR}\p{lb=GL}]")
_STANDS_ALONE = regex.compile(r"[\p{lb=ID}\p{lb=EB}\p{lb=RI}\p{lb=SA}]")  # a Han letter, an emoji, Thai
_HYPHEN = regex.compile(r"[\p{lb=HY}\p{lb=BA}]")


def readable(text: str) -> str:
    """The start of a text on one line, without what nobody can see."""
    line = _SPACES.sub(" ", text[:LONGEST_READ])
    return unicodedata.normalize("NFC", _ACCENTS_OF_NOTHING.sub("", _UNSEEN.sub("", line))).rstrip()


def clusters(text: str) -> list[str]:
    """The characters that readers see, none longer than it takes to draw it."""
    return [_bounded(cluster) for cluster in _CLUSTER.findall(text)]


def is_emoji(cluster: str) -> bool:
    """Whether it is meant as a picture in colours."""
    return _EMOJI.match(cluster) is not None


def cut(text: str, most: int) -> str:
    """At most so many clusters; what is longer ends after a word, with an ellipsis."""
    found = _CLUSTER.findall(text)
    if len(found) <= most:
        return text
    kept = "".join(found[: most - 1])
    if found[most - 1] != " ":
        word = kept.rpartition(" ")[0]
        kept = word if 2 * len(word) > len(kept) else kept  # scripts without spaces have no such place
    return kept.rstrip(_NO_END) + ELLIPSIS


def plainer(cluster: str) -> str:
    """The nearest there is in common letters: "é" -> "e", "™" -> "TM"."""
    parts = unicodedata.normalize("NFKD", cluster)
    return "".join(part for part in parts if not unicodedata.combining(part))


def may_break(before: str, after: str) -> bool:
    """Whether a line may end between two clusters; after Unicode's line breaking, in short."""
    if before == " ":
        return True
    if _NEVER_FIRST.match(after) or _NEVER_LAST.match(before):
        return False
    if _STANDS_ALONE.match(before) or _STANDS_ALONE.match(after):
        return True
    return bool(_HYPHEN.match(before)) and after.isalpha()


def _bounded(cluster: str) -> str:
    if is_emoji(cluster):
        return cluster[:LONGEST_EMOJI]
    return _NO_PART_OF_A_LETTER.sub("", cluster[: 1 + LONGEST_EMOJI])[: 1 + MOST_MARKS] or " "
