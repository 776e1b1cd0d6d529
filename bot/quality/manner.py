"""The outward manner: how long posts are and how they are punctuated, against the person's own."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt
import regex

from data.likeness import count_words

_LENGTH_EDGES = (0, 10, 20, 30, 45, 60, 80, 100, 120, 140, 170, 200, 240, 280, 400)  # characters
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}")
_MARK = re.compile(r"[^\w\s]")
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")

# What a post may have, by the name under which its share is reported.
_TRAITS: dict[str, Callable[[str], bool]] = {
    "exclaims": lambda text: any(mark in text for mark in "!\uff01"),
    "asks": lambda text: any(mark in text for mark in "?\uff1f\u061f"),
    "has a hashtag": lambda text: bool(re.search(r"#\w", text)),
    "has an emoji": lambda text: bool(_EMOJI.search(text)),
    "has a word in capitals": lambda text: bool(_CAPITALS.search(text)),
    "begins small": lambda text: text[:1].islower(),
    "ends without a mark": lambda text: text.rstrip()[-1:].isalnum(),
}


@dataclass(frozen=True)
class Manner:
    """What is typical of some texts."""

    characters: float  # median
    words: float  # median
    shares: dict[str, float]  # of the texts that have a trait, 0 to 1, by trait


def manner(texts: Sequence[str]) -> Manner:
    """Raises ValueError for no texts."""
    if not texts:
        raise ValueError("no texts to describe")
    return Manner(
        characters=median(map(len, texts)),
        words=median(map(count_words, texts)),
        shares={name: sum(map(has, texts)) / len(texts) for name, has in _TRAITS.items()},
    )


def distance(texts: Sequence[str], own: Sequence[str]) -> float:
    """How far the manner of `texts` is from that of `own`: 0 for the same, 1 for nothing in common.

    The mean of two Jensen-Shannon divergences in bits: of how long texts are, and of which marks stand in
    them. Small samples differ by chance, so it means something beside that of real posts. Raises ValueError
    where either is empty.
    """
    if not texts or not own:
        raise ValueError("no texts to compare")
    lengths = _divergence(_lengths(texts), _lengths(own))
    counts = _marks(texts), _marks(own)
    known = sorted(counts[0].keys() | counts[1].keys())
    marks = _divergence(*(np.array([count[mark] for mark in known], dtype=np.float64) for count in counts))
    return (lengths + marks) / 2


def _lengths(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    places = np.searchsorted(_LENGTH_EDGES, [len(text) for text in texts], side="right")
    return np.bincount(places, minlength=len(_LENGTH_EDGES) + 1).astype(np.float64)


def _marks(texts: Sequence[str]) -> Counter[str]:
    """Every mark, all emoji as one, and each text that has none, so that plain texts count too."""
    found: Counter[str] = Counter()
    for text in texts:
        emoji, plain = len(_EMOJI.findall(text)), _EMOJI.sub("", text)
        marks = _MARK.findall(plain)
        found.update(marks)
        found["emoji"] += emoji
        found["none"] += not marks and not emoji
    return found


def _divergence(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence of two histograms, in bits: 0 to 1."""
    first, second = one / one.sum(), other / other.sum()
    middle = (first + second) / 2
    return float((_relative_entropy(first, middle) + _relative_entropy(second, middle)) / 2)


def _relative_entropy(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    there = one > 0
    return float((one[there] * np.log2(one[there] / other[there])).sum())
