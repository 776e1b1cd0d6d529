"""The order in which a line of mixed scripts is drawn: Unicode's bidirectional algorithm for text without marks of
direction, which is what is left after cleaning.

The library that shapes text does this within one font; a line here is set of several.
"""

import unicodedata
from collections.abc import Sequence

_RIGHT_TO_LEFT = ("R", "AL")
_NUMBERS = ("EN", "AN")
_BETWEEN_NUMBERS = ("CS", "ES")  # 1,000 and 12:30
_BESIDE_NUMBERS = "ET"  # 50 %, $5


def runs_right_to_left(clusters: Sequence[str]) -> bool:
    """Whether a text does, by its first letter that has a direction."""
    for cluster in clusters:
        kind = unicodedata.bidirectional(cluster[0])
        if kind == "L" or kind in _RIGHT_TO_LEFT:
            return kind != "L"
    return False


def levels(clusters: Sequence[str], *, right_to_left: bool) -> list[int]:
    """How deep each cluster is nested: even ones run to the right, odd ones to the left."""
    base = int(right_to_left)
    kinds = _with_whole_numbers([unicodedata.bidirectional(cluster[0]) for cluster in clusters])
    found: list[int | None] = []
    letter = base  # the level of the last letter
    for kind in kinds:
        if kind == "L" or kind in _RIGHT_TO_LEFT:
            letter = 2 * base if kind == "L" else 1
            found.append(letter)
        elif kind in _NUMBERS:  # runs to the right, within what runs to the left
            found.append(2 if letter == 1 or kind == "AN" else letter)
        else:
            found.append(None)
    return _with_neutrals(found, kinds, base)


def drawing_order(nested: Sequence[int]) -> list[int]:
    """The places of `nested` from left to right."""
    order = list(range(len(nested)))
    for level in range(max(nested, default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and nested[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return order


def _with_whole_numbers(kinds: list[str]) -> list[str]:
    """What belongs to a number counts as one: the point in it, the sign beside it."""
    whole = list(kinds)
    for place, kind in enumerate(kinds):
        before = whole[place - 1] if place else ""
        after = kinds[place + 1] if place + 1 < len(kinds) else ""
        if kind in _BETWEEN_NUMBERS and before in _NUMBERS and after in _NUMBERS:
            whole[place] = before
        elif kind == _BESIDE_NUMBERS and "EN" in (before, after):
            whole[place] = "EN"
    return whole


def _with_neutrals(found: list[int | None], kinds: Sequence[str], base: int) -> list[int]:
    """Spaces and signs run as what is on both sides of them, or else as the text does."""
    settled: list[int] = []
    for place, level in enumerate(found):
        if level is not None:
            settled.append(level)
            continue
        before = _side(settled[-1], kinds[place - 1]) if settled else base % 2
        after = base % 2
        for later in range(place + 1, len(found)):
            if (next_level := found[later]) is not None:
                after = _side(next_level, kinds[later])
                break
        if before == after:
            settled.append(1 if before else 2 * base)
        else:
            settled.append(base)
    return settled


def _side(level: int, kind: str) -> int:
    """0 for what runs to the right; a number within what runs to the left counts as that."""
    return 1 if level == 2 and kind in _NUMBERS else level % 2
