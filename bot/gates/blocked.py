"""Block lists: what is never said, nor spelled so that a person reads it all the same."""

import re
import unicodedata
from collections.abc import Iterable

from data.likeness import UNSPACED

# Cyrillic and Greek letters that look like Latin ones, and the figures and signs that stand for letters.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0432\u043a\u043c\u043d\u0442"
    "\u03b1\u03b5\u03bf\u03c1\u03b9\u03ba\u03bd\u03c4\u03c5\u03c7",
    "aeopcyxijsbkmhtaeopikvtux",
)
_SIGNS = str.maketrans("013457@$!", "oieastasi")
# A sign counts as a letter inside a word; an exclamation mark at its end is one.
_WORD = re.compile(r"[@$]*[^\W_](?:[^\W_]|[@$!](?=[^\W_])|[@$])*")
_STRETCHED = re.compile(r"(.)\1{2,}")
_UNSPACED = re.compile(rf"[{UNSPACED}]")


class BlockList:
    """Finds blocked phrases as whole words, whatever their case, accents, look-alikes, stretching or spacing.

    Phrases without word boundaries (emoji, Japanese) are found anywhere.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases: dict[str, list[tuple[str, ...]]] = {}  # by their first word
        self._anywhere: list[str] = []
        for phrase in phrases:
            words = _words(phrase)
            if words and not _UNSPACED.search(phrase):
                self._phrases.setdefault(words[0], []).append(tuple(words))
            elif folded := _fold(phrase.strip()):  # an accent alone folds to nothing, which stands in every text
                self._anywhere.append(folded)

    def blocks(self, text: str) -> bool:
        """Whether a blocked phrase stands in the text."""
        if self._anywhere:
            folded = _fold(text)
            if any(phrase in folded for phrase in self._anywhere):
                return True
        if not self._phrases:
            return False
        words = _words(text)
        joined = _join_spelled_out(words)
        return self._found(words) or (joined != words and self._found(joined))

    def _found(self, words: list[str]) -> bool:
        readings = [_readings(word) for word in words]
        for start, options in enumerate(readings):
            for phrase in (phrase for option in options for phrase in self._phrases.get(option, ())):
                following = readings[start : start + len(phrase)]
                if len(following) == len(phrase) and all(
                    word in reading for word, reading in zip(phrase, following, strict=True)
                ):
                    return True
        return False


def _fold(text: str) -> str:
    """Case, width and style folded; accents gone."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if unicodedata.category(c) != "Mn"))


def _words(text: str) -> list[str]:
    words = _WORD.findall(_fold(text).translate(_LOOK_ALIKES))
    return [word.translate(_SIGNS) if re.search(r"[a-z]", word) else word for word in words]


def _readings(word: str) -> set[str]:
    """A word as it is and with stretched letters ("baaad") as one or two."""
    if not _STRETCHED.search(word):
        return {word}
    return {word, _STRETCHED.sub(r"\1", word), _STRETCHED.sub(r"\1\1", word)}


def _join_spelled_out(words: list[str]) -> list[str]:
    """`b a d` and `b.a.d` as one word: three or more single letters in a row."""
    spaced = " ".join(words)
    return re.sub(r"\b\w(?: \w\b){2,}", lambda run: run[0].replace(" ", ""), spaced).split()
