"""Whether a candidate is a whole: not empty, not cut in mid-sentence, not caught in a loop."""

import re

from data.likeness import count_words

TRIMMED_WORDS = 3  # less than this left before the cut is not worth saying

_CLOSING = "\"'\u201d\u2019)\\]\u00bb\u300d\u300f"
# Armenian, Arabic and Urdu, Hindi and its neighbours, Ethiopic and Khmer have marks of their own.
_MARKS = ".!?\u2026\u0589\u061f\u06d4\u0964\u0965\u1362\u1367\u17d4"
# After the marks of scripts without spaces no space follows.
_SENTENCE_END = re.compile(rf"[{_MARKS}]+[{_CLOSING}]*(?=\s|$)|[\u3002\uff01\uff1f]+[{_CLOSING}]*")
_ABBREVIATIONS = frozenset(
    {
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "rev",
        "hon",
        "gov",
        "sen",
        "rep",
        "gen",
        "lt",
        "sgt",
        "st",
        "vs",
        "e.g",
        "i.e",
    }
)
_LAST_WORD = re.compile(r"([\w.]+)$")

# How often a phrase of so many words may stand back to back; from four words on, twice is a loop already.
_LOOPS = {1: 4, 2: 3, 3: 3}
_LONGEST_LOOP = 12  # words
_CHARACTER_LOOP = re.compile(r"(\S{1,8}?)\1{8,}|(\S{8,40}?)\2")
_MEASURED_WORDS = 12  # from so many words on, a text whose three-word phrases mostly recur is a loop
_DISTINCT_SHARE = 0.6


def is_empty(text: str, opening: str = "") -> bool:
    """Whether there is no word in it, or none after the opening that was given to the voice."""
    given = opening.rstrip()
    if given.startswith(text.rstrip()):
        return True
    return count_words(text.removeprefix(given)) == 0


def trim(text: str) -> str | None:
    """A text stopped in mid-sentence, cut back to its last complete one; None if under three words are left."""
    for end in reversed(list(_SENTENCE_END.finditer(text))):
        if _ends_sentence(text, end):
            whole = text[: end.end()]
            return whole if count_words(whole) >= TRIMMED_WORDS else None
    return None


def is_repeating(text: str) -> bool:
    """Whether a phrase stands back to back too often, or the whole mostly says the same again."""
    if _CHARACTER_LOOP.search(text):
        return True
    words = re.findall(r"\w+", text.casefold())
    for length in range(1, min(_LONGEST_LOOP, len(words) // 2) + 1):
        if _times_in_a_row(words, length) >= _LOOPS.get(length, 2):
            return True
    if len(words) < _MEASURED_WORDS:
        return False
    phrases = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(phrases)) < _DISTINCT_SHARE * len(phrases)


def _ends_sentence(text: str, end: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence and not just "Mr.", "U.S." or a number that may go on behind it."""
    if not end[0].startswith(".") or end[0].startswith(".."):
        return True
    before = _LAST_WORD.search(text, 0, end.start())
    if before is None:
        return True
    word = before[1].casefold()
    number = word[-1].isdigit()
    initial = len(word.rsplit(".", 1)[-1]) == 1 and word != "i" and word[-1].isalpha()
    return not (number or initial or word in _ABBREVIATIONS)


def _times_in_a_row(words: list[str], length: int) -> int:
    """How often the most repeated phrase of so many words stands back to back."""
    most = matching = 0
    for first, second in zip(words, words[length:], strict=False):
        matching = matching + 1 if first == second else 0
        most = max(most, matching // length)
    return most + 1
