"""Is this text nearly one we know? Asked when cleaning (drop repeated posts) and before speaking (say no copies).

Texts are compared as letters and digits only, case-folded, after NFKC. Words in a row mean nothing where a script
sets no spaces (Japanese, Chinese, Thai, Lao, Burmese, Khmer): there each character is a unit that weighs half a
word, so that a run of eight words is a run of sixteen characters.
"""

import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final

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
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_APOSTROPHE = re.compile(r"['\u2019\u02bc](?<=\w.)(?=\w)")  # itself first: searched for 8 times as fast
_WORD_OR_RUN = re.compile(rf"[{UNSPACED}]+|(?:[^\W_{UNSPACED}]|[{MARKS}])+")
_UNIT = re.compile(rf"[{UNSPACED}]|[^ {UNSPACED}]+")
_UNSPACED_CHARACTER = re.compile(rf"[{UNSPACED}]")
_ASCII_LETTERS = bytes(ord(chr(code).lower() if chr(code).isalnum() else " ") for code in range(128)).ljust(256)

LEAD_WORDS = 3  # words in a row that lead to likely near copies; hardly a text is NEAR another without any shared
LEAST_SHARED = 1 / 6  # of a text's words in a row; a text as near as NEAR shares about a third
_MOST_LEADS = 4_000  # index entries that one question follows, the rarest words in a row first
_MOST_COMPARED = 12  # known texts that are then compared in full, the likeliest first
_BATCH = 2_000  # texts taken apart at once

_Positions = npt.NDArray[np.int64]
_HALF = np.uint64(32)  # bits
_FACTOR: Final = 0x9E3779B97F4A7C15  # of the hashes of runs: odd, so that it can be divided by, modulo 2 ** 64
_INVERSE: Final = pow(_FACTOR, -1, 2**64)


def normalise(text: str) -> str:
    """`"Don't  PANIC!"` -> `"dont panic"`: letters and digits, case-folded, NFKC, single spaces."""
    if text.isascii():  # the long way takes 19 us, this one 1
        return _normalise_ascii(text)
    # Mostly it is an emoji or a dash among plain words, and white space parts what may act on each other.
    words = [word if word.isascii() else _normalise_any(word) for word in text.split()]
    plain = " ".join(words)
    if plain.isascii():
        return _normalise_ascii(plain)
    return " ".join(filter(None, [_normalise_ascii(word) if word.isascii() else word for word in words]))


def _normalise_ascii(text: str) -> str:
    plain = _APOSTROPHE.sub("", text) if "'" in text else text
    return " ".join(plain.encode().translate(_ASCII_LETTERS).decode().split())


def _normalise_any(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_WORD_OR_RUN.findall(_APOSTROPHE.sub("", folded)))


def count_words(text: str) -> float:
    """How many words a text has; a character of a script without spaces is half a word."""
    return sum(map(_weight, units_of(normalise(text)))) / 2


def sets_no_spaces(text: str) -> bool:
    """Whether it begins with a character of a script without spaces: where such a word ends, nobody can see."""
    return _UNSPACED_CHARACTER.match(text) is not None


def units_of(normalised: str) -> list[str]:
    """Its words, and each character of a script that sets no spaces."""
    return normalised.split() if normalised.isascii() else _UNIT.findall(normalised)


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of two texts' character shingles: the share they have in common, 0 to 1."""
    return _jaccard(_shingles(normalise(one)), _shingles(normalise(other)))


@dataclass(frozen=True)
class Runs:
    """Words in a row: of which text, by position in the list, up to which of its units, and their hash."""

    owners: _Positions
    ends: _Positions
    hashes: npt.NDArray[np.uint64]  # good within this process only


def runs_of(texts: Sequence[Sequence[str]], words: int) -> Runs:
    """The shortest run from each unit on that weighs as much as so many words. Each text is given as its units.

    All at once, as corpora have millions: a run's hash is the difference of two running sums of its units' hashes,
    each times a power of one factor.
    """
    units = list(chain.from_iterable(texts))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if max(units, default="") < "\u0e00":  # no script without spaces: at a glance
        ends = np.arange(words, words + len(units))
    else:
        weights = np.fromiter((2 if unit < "\u0e00" else _weight(unit) for unit in units), np.int64, len(units))
        until = np.concatenate([[0], np.cumsum(weights)])  # what all units before one weigh
        ends = np.searchsorted(until, until[:-1] + 2 * words)
    owners = np.repeat(np.arange(len(texts)), lengths)
    starts = np.flatnonzero(ends <= np.cumsum(lengths)[owners])
    owners, ends = owners[starts], ends[starts]
    hashes = np.fromiter(map(hash, units), np.int64, len(units)).view(np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes * _powers(_FACTOR, len(units)))])
    found = (sums[ends] - sums[starts]) * _powers(_INVERSE, len(units))[starts]
    return Runs(owners, ends - (np.cumsum(lengths) - lengths)[owners], found)


def lead_entries(texts: Sequence[Sequence[str]], first: int = 0) -> npt.NDArray[np.uint64]:
    """Which text has which `LEAD_WORDS` in a row, sorted and each once; `halves` takes the entries apart."""
    runs = runs_of(texts, LEAD_WORDS)
    owners = (runs.owners + first).astype(np.uint64)
    entries = (runs.hashes >> _HALF << _HALF) | owners
    return _each_once(entries)


def halves(entries: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """The words' hashes, of which two may be the same by chance, and the texts' positions."""
    return (entries >> _HALF).astype(np.uint32), entries.astype(np.uint32)


def _each_once(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sorted in their place. np.unique would hash first, 5 us a text instead of 1, and import numpy.ma."""
    numbers.sort()
    new = np.ones(len(numbers), np.bool_)
    new[1:] = numbers[1:] != numbers[:-1]
    return numbers[new]


def _powers(factor: int, count: int) -> npt.NDArray[np.uint64]:
    """1, the factor, its square and so on, modulo 2 ** 64."""
    factors = np.full(count, factor, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)


class LikenessIndex:
    """Known texts, asked by likeness. Every answer is a position in the list it was built from."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [normalise(text) for text in texts]
        self._first: dict[str, int] = {}
        for position, text in enumerate(self._texts):
            self._first.setdefault(text, position)
        runs, entries = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        for start in range(0, len(texts), _BATCH):
            units = [units_of(text) for text in self._texts[start : start + _BATCH]]
            runs.append(runs_of(units, RUN_WORDS).hashes)
            entries.append(lead_entries(units, start))
        self._runs = _each_once(np.concatenate(runs))
        self._leads, self._owners = halves(np.sort(np.concatenate(entries)))

    def exact(self, text: str) -> int | None:
        """The first known text with the same letters and digits in the same order; None for a text without any."""
        known = normalise(text)
        return self._first.get(known) if known else None

    def shares_run(self, text: str, opening: str = "") -> bool:
        """Whether eight words in a row stand in a known text; runs wholly inside `opening` don't count."""
        units = units_of(normalise(text))
        given = _common_start(units, units_of(normalise(opening)))
        runs = runs_of([units], RUN_WORDS)
        asked = runs.hashes[runs.ends > given]
        if not len(asked) or not len(self._runs):
            return False
        places = np.searchsorted(self._runs, asked).clip(max=len(self._runs) - 1)
        return bool((self._runs[places] == asked).any())

    def near(self, text: str) -> int | None:
        """A known text at least `NEAR` similar, exact ones included.

        A near copy shares many words in a row with the original, the rare ones too: those lead to few texts,
        of which the likeliest are compared in full.
        """
        known = normalise(text)
        if len(known) < NEAR_CHARACTERS:
            return None
        shingles = _shingles(known)
        for position in self._likeliest(known):
            if _jaccard(shingles, _shingles(self._texts[position])) >= NEAR:
                return position
        return None

    def _likeliest(self, known: str) -> list[int]:
        """The known texts that share the most words in a row with `known`."""
        asked, _ = halves(lead_entries([units_of(known)]))
        starts = np.searchsorted(self._leads, asked)
        counts = np.searchsorted(self._leads, asked, side="right") - starts
        found = np.flatnonzero(counts)
        if not len(found):
            return []
        rarest = found[np.argsort(counts[found], kind="stable")]
        followed = rarest[: max(1, int(np.searchsorted(np.cumsum(counts[rarest]), _MOST_LEADS)))]
        owners = np.concatenate([self._owners[starts[lead] : starts[lead] + counts[lead]] for lead in followed])
        likely, shared = np.unique(owners, return_counts=True)
        enough = shared >= min(LEAST_SHARED * len(asked), len(followed))
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
    return 1 if len(unit) == 1 and sets_no_spaces(unit) else 2


def _common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """How many units two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
