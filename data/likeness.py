"""Is this text nearly one we know? Asked when cleaning (drop repeated posts) and before speaking (say no copies).

Texts are compared as letters and digits only, case-folded, after NFKC. Words in a row mean nothing where a script
sets no spaces (Japanese, Chinese, Thai, Lao, Burmese, Khmer): there each character is a unit that weighs half a
word, so that a run of eight words is a run of sixteen characters.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import takewhile

import numpy as np
import numpy.typing as npt

RUN_WORDS = 8  # words in a row that count as copied
NEAR = 0.6  # Jaccard similarity of the character shingles from which two texts are nearly the same
NEAR_CHARACTERS = 20  # below this, one word more or less is another text, not a near copy
SHINGLE = 4  # characters

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and accents that Python does not count as letters, but without which words would fall apart.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019\u02bc](?=\w)")
_WORD_OR_RUN = re.compile(rf"[{UNSPACED}]+|(?:[^\W_{UNSPACED}]|[{_MARKS}])+")
_UNIT = re.compile(rf"[{UNSPACED}]|[^ {UNSPACED}]+")
_UNSPACED_CHARACTER = re.compile(rf"[{UNSPACED}]")

_LEAD_WORDS = 3  # words in a row that lead to likely near copies; hardly a text is NEAR another without any shared
_LEAST_SHARED = 1 / 6  # of a text's words in a row; a text as near as NEAR shares about a third
_MOST_LEADS = 4_000  # index entries that one question follows, the rarest words in a row first
_MOST_COMPARED = 12  # known texts that are then compared in full, the likeliest first


def normalise(text: str) -> str:
    """`"Don't  PANIC!"` -> `"dont panic"`: letters and digits, case-folded, NFKC, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_WORD_OR_RUN.findall(_APOSTROPHE.sub("", folded)))


def count_words(text: str) -> float:
    """How many words a text has; a character of a script without spaces is half a word."""
    return sum(_weight(unit) for unit in _UNIT.findall(normalise(text))) / 2


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of two texts' character shingles: the share they have in common, 0 to 1."""
    return _jaccard(_shingles(normalise(one)), _shingles(normalise(other)))


class LikenessIndex:
    """Known texts, asked by likeness. Every answer is a position in the list it was built from."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [normalise(text) for text in texts]
        self._first: dict[str, int] = {}
        for position, text in enumerate(self._texts):
            self._first.setdefault(text, position)
        runs: list[int] = []
        leads: list[int] = []
        owners: list[int] = []
        for position, text in enumerate(self._texts):
            units = _UNIT.findall(text)
            runs += (run for _, run in _runs(units, RUN_WORDS))
            leads += {lead for _, lead in _runs(units, _LEAD_WORDS)}
            owners += [position] * (len(leads) - len(owners))
        self._runs = np.unique(np.array(runs, dtype=np.int64))
        order = np.argsort(np.array(leads, dtype=np.int64), kind="stable")
        self._leads = np.array(leads, dtype=np.int64)[order]
        self._owners = np.array(owners, dtype=np.uint32)[order]

    def exact(self, text: str) -> int | None:
        """The first known text with the same letters and digits in the same order; None for a text without any."""
        known = normalise(text)
        return self._first.get(known) if known else None

    def shares_run(self, text: str, opening: str = "") -> bool:
        """Whether eight words in a row stand in a known text; runs wholly inside `opening` don't count."""
        units = _UNIT.findall(normalise(text))
        given = _common_start(units, _UNIT.findall(normalise(opening)))
        asked = np.array([run for end, run in _runs(units, RUN_WORDS) if end > given], dtype=np.int64)
        if not len(asked) or not len(self._runs):
            return False
        places = np.searchsorted(self._runs, asked).clip(max=len(self._runs) - 1)
        return bool((self._runs[places] == asked).any())

    def near(self, text: str, among: npt.NDArray[np.bool_] | None = None) -> int | None:
        """A known text at least `NEAR` similar, exact ones included; `among` marks the texts that may be it.

        A near copy shares many words in a row with the original, the rare ones too: those lead to few texts,
        of which the likeliest are compared in full.
        """
        known = normalise(text)
        if len(known) < NEAR_CHARACTERS:
            return None
        shingles = _shingles(known)
        for position in self._likeliest(known, among):
            if _jaccard(shingles, _shingles(self._texts[position])) >= NEAR:
                return position
        return None

    def _likeliest(self, known: str, among: npt.NDArray[np.bool_] | None) -> list[int]:
        """The known texts that share the most words in a row with `known`."""
        asked = np.array([*{lead for _, lead in _runs(_UNIT.findall(known), _LEAD_WORDS)}], dtype=np.int64)
        starts = np.searchsorted(self._leads, asked)
        counts = np.searchsorted(self._leads, asked, side="right") - starts
        found = np.flatnonzero(counts)
        if not len(found):
            return []
        rarest = found[np.argsort(counts[found], kind="stable")]
        followed = rarest[: max(1, int(np.searchsorted(np.cumsum(counts[rarest]), _MOST_LEADS)))]
        owners = np.concatenate([self._owners[starts[lead] : starts[lead] + counts[lead]] for lead in followed])
        likely, shared = np.unique(owners, return_counts=True)
        enough = shared >= min(_LEAST_SHARED * len(asked), len(followed))
        if among is not None:
            enough &= among[likely]
        likely, shared = likely[enough], shared[enough]
        order = np.argsort(-shared, kind="stable")[:_MOST_COMPARED]
        return [int(position) for position in likely[order]]

    @property
    def memory_bytes(self) -> int:
        """What the index keeps, roughly: its arrays, and the normalised texts with their dictionary."""
        arrays = self._runs.nbytes + self._leads.nbytes + self._owners.nbytes
        return arrays + sys.getsizeof(self._first) + sum(sys.getsizeof(text) for text in self._texts)


def _shingles(normalised: str) -> set[str]:
    # A space on each side makes the first and last letters of a text count like those of any word.
    padded = f" {normalised} "
    return {padded[start : start + SHINGLE] for start in range(len(padded) - SHINGLE + 1)}


def _jaccard(one: set[str], other: set[str]) -> float:
    shared = len(one & other)
    together = len(one) + len(other) - shared
    return shared / together if together else 0.0


def _weight(unit: str) -> int:
    """In half words."""
    return 1 if len(unit) == 1 and _UNSPACED_CHARACTER.match(unit) else 2


def _runs(units: Sequence[str], words: int) -> Iterator[tuple[int, int]]:
    """(end, hash) of the shortest run from each unit on that weighs as much as so many words."""
    weights = [_weight(unit) for unit in units]
    end = weight = 0
    for start, own in enumerate(weights):
        while weight < 2 * words and end < len(units):
            weight += weights[end]
            end += 1
        if weight < 2 * words:
            return
        yield end, hash(tuple(units[start:end]))
        weight -= own


def _common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """How many units two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
