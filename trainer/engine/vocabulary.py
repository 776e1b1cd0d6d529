"""What tokens do, seen from their spelling: which end a post, and which go on with a word.

Only for byte-level BPE, GPT-2's: a token is written with one character for each of its bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_letters

import numpy
from numpy.typing import NDArray

_NEW_LINE = "\u010a"
# How the bytes of letters are written: of Latin ones, and of all that UTF-8 gives two bytes, up to Arabic. Scripts
# beyond these are left alone; not all of them set spaces between words.
_LETTERS = frozenset(
    ascii_letters
    + "".join(map(chr, range(0xA1, 0xE0)))  # bytes that are written as the character of their number
    + "".join(map(chr, range(0x122, 0x144)))  # 0x80 to 0xA0 and 0xAD, which have none that can be seen
)


@dataclass(frozen=True)
class Spelling:
    """After a letter: 1 for the tokens that go on with the word, or that don't, else 0; both are [vocabulary]."""

    going_on: NDArray[numpy.float32]
    others: NDArray[numpy.float32]


class Vocabulary:
    """`endings` are the ids that end a post: end of text, and every token with a new line."""

    def __init__(self, tokens: Mapping[str, int], end: int, size: int) -> None:
        """`tokens` are all of them as the tokenizer's file writes them, `end` is the id of end of text. The model
        may know more than these, or fewer: `size` is how many.
        """
        known = {token: number for token, number in tokens.items() if number < size}
        self.endings = sorted({end, *(number for token, number in known.items() if _NEW_LINE in token)})
        going_on = numpy.zeros(size, numpy.float32)
        going_on[[number for token, number in known.items() if token[:1] in _LETTERS]] = 1
        self._spelling = Spelling(going_on, 1 - going_on)
        self._letters_last = frozenset(number for token, number in known.items() if token[-1:] in _LETTERS)

    def spelling_after(self, token: int) -> Spelling | None:
        """None where `token` doesn't end in a letter, so that no word is under way."""
        return self._spelling if token in self._letters_last else None
