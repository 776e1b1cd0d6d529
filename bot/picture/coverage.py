"""Which characters a font file has glyphs for, read from its `cmap` table.

FreeType draws a box for what a font lacks and never says so; whoever mixes fonts has to know before.
"""

import mmap
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

_WINDOWS, _UNICODE = 3, 0  # platforms in the table
_ENCODINGS = {(_WINDOWS, 10): 3, (_UNICODE, 4): 3, (_UNICODE, 6): 3, (_WINDOWS, 1): 2, (_UNICODE, 3): 2}
"""The encodings of Unicode; the ones of all planes before those of the first alone."""

Font = bytes | mmap.mmap
Range = tuple[int, int]  # first and last code point


class Coverage:
    """A set of code points, kept as ranges: a font of 40,000 Han characters takes a few hundred bytes."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts, self._lasts = array("L"), array("L")
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(last, self._lasts[-1])
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """That of the first font in the file; empty where it is no font, damaged or can't be read."""
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as font:
                return cls.of_font(font)
        except (OSError, ValueError):  # ValueError: an empty file
            return cls()

    @classmethod
    def of_font(cls, font: Font) -> Self:
        """That of the first font in these bytes; empty where they are none."""
        try:
            return cls(_ranges(font))
        except (struct.error, IndexError):
            return cls()

    def __contains__(self, code: int) -> bool:
        place = bisect_right(self._firsts, code) - 1
        return place >= 0 and code <= self._lasts[place]

    def covers(self, text: str) -> bool:
        return all(ord(character) in self for character in text)


def _ranges(font: Font) -> Iterator[Range]:
    start = _table(font, b"cmap")
    best = (0, 0)
    (count,) = struct.unpack_from(">2xH", font, start)
    for number in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * number)
        best = max(best, (_ENCODINGS.get((platform, encoding), 0), start + offset))
    rank, subtable = best
    (form,) = struct.unpack_from(">H", font, subtable)
    if rank and form == 4:
        yield from _segments(font, subtable)
    elif rank and form == 12:
        yield from _groups(font, subtable)


def _table(font: Font, wanted: bytes) -> int:
    """Where a table starts. Raises IndexError where there is none."""
    start = struct.unpack_from(">I", font, 12)[0] if font[:4] == b"ttcf" else 0  # a collection: its first font
    (count,) = struct.unpack_from(">H", font, start + 4)
    for number in range(count):
        name, offset = struct.unpack_from(">4s4xI4x", font, start + 12 + 16 * number)
        if name == wanted:
            return int(offset)
    raise IndexError(wanted)


def _groups(font: Font, subtable: int) -> Iterator[Range]:
    """Format 12: runs of code points over all planes."""
    (count,) = struct.unpack_from(">12xI", font, subtable)
    for number in range(count):
        first, last, glyph = struct.unpack_from(">III", font, subtable + 16 + 12 * number)
        yield (first if glyph else first + 1), last  # glyph 0 is the box


def _segments(font: Font, subtable: int) -> Iterator[Range]:
    """Format 4: runs of code points of the first plane, where single ones may be left out."""
    (doubled,) = struct.unpack_from(">6xH", font, subtable)
    count = doubled // 2
    numbers = f">{count}H"
    lasts = struct.unpack_from(numbers, font, subtable + 14)
    firsts = struct.unpack_from(numbers, font, subtable + 16 + doubled)
    shifts = struct.unpack_from(numbers, font, subtable + 16 + 2 * doubled)
    offsets_at = subtable + 16 + 3 * doubled
    offsets = struct.unpack_from(numbers, font, offsets_at)
    for number, (first, last, shift, offset) in enumerate(zip(firsts, lasts, shifts, offsets, strict=True)):
        if first == 0xFFFF:  # ends the list
            continue
        if not offset:
            yield first, last
            continue
        glyphs_at = offsets_at + 2 * number + offset
        for code in range(first, last + 1):
            (glyph,) = struct.unpack_from(">H", font, glyphs_at + 2 * (code - first))
            if glyph and (glyph + shift) & 0xFFFF:
                yield code, code
