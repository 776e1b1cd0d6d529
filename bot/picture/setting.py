"""Setting text in a box: a font for every character, lines, and the largest size at which all of it fits."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby, pairwise

from PIL import Image

from bot.picture.direction import drawing_order, levels, runs_right_to_left
from bot.picture.shapes import Colour
from bot.picture.typefaces import Typeface, Typefaces
from bot.picture.words import ELLIPSIS, clusters, is_emoji, may_break, plainer, readable

LINE_HEIGHT = 1.34  # of the size; more where the ink of a script reaches further
LEAST_GAP = 0.08  # of the size, between the ink of two lines
LEAST_ABOVE, LEAST_BELOW = 0.72, 0.2  # of the size: "on" takes as much height as "by"
_ELLIPSES = re.compile(rf"{ELLIPSIS}(?:\s*{ELLIPSIS})+")


@dataclass(frozen=True)
class Span:
    """Text in one colour and weight. Two of them have a space between them."""

    text: str
    ink: Colour
    bold: bool = False


@dataclass(frozen=True)
class _Mark:
    """A cluster, what draws it, and how deep it is nested among directions."""

    text: str
    ink: Colour
    face: Typeface
    level: int = 0


@dataclass(frozen=True)
class _Run:
    """Neighbours that are drawn at once."""

    text: str
    ink: Colour
    face: Typeface
    leftwards: bool


@dataclass(frozen=True)
class Line:
    """Runs from left to right at a size; width and reach are in pixels."""

    runs: tuple[_Run, ...]
    size: int

    @cached_property
    def width(self) -> float:
        return sum(run.face.length(run.text, self.size, run.leftwards) for run in self.runs)

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Above and below the baseline."""
        reaches = [run.face.reach(run.text, self.size, run.leftwards) for run in self.runs]
        return (
            max([LEAST_ABOVE * self.size, *(above for above, _ in reaches)]),
            max([LEAST_BELOW * self.size, *(below for _, below in reaches)]),
        )

    def draw(self, image: Image.Image, x: float, baseline: float) -> None:
        for run in self.runs:
            run.face.draw(image, (x, baseline), run.text, run.ink, self.size, run.leftwards)
            x += run.face.length(run.text, self.size, run.leftwards)


@dataclass(frozen=True)
class Block:
    """Lines below each other; where the text runs to the left, so do they."""

    lines: tuple[Line, ...]
    size: int
    leftwards: bool

    @cached_property
    def pitch(self) -> float:
        """From a baseline to the next."""
        needed = [upper.reach[1] + lower.reach[0] + LEAST_GAP * self.size for upper, lower in pairwise(self.lines)]
        return max([LINE_HEIGHT * self.size, *needed])

    @property
    def width(self) -> float:
        return max((line.width for line in self.lines), default=0.0)

    @property
    def height(self) -> float:
        if not self.lines:
            return 0.0
        return self.lines[0].reach[0] + self.pitch * (len(self.lines) - 1) + self.lines[-1].reach[1]

    def draw(self, image: Image.Image, x: float, middle: float, width: float) -> None:
        """`x` and `width` are those of the box; `middle` is the height at which it is centred."""
        top = middle - self.height / 2
        for number, line in enumerate(self.lines):
            start = x + width - line.width if self.leftwards else x
            line.draw(image, start, top + self.lines[0].reach[0] + number * self.pitch)


def set_in_box(
    spans: Iterable[Span], typefaces: Typefaces, width: float, height: float, sizes: Sequence[int]
) -> Block:
    """The text at the first of `sizes` (pixels, falling) that fits into the box with its words whole.

    At the last one words are broken and lines left out, with an ellipsis, rather than leave the box.
    """
    marks = _marked(spans, typefaces)
    leftwards = runs_right_to_left([mark.text for mark in marks])
    pieces = list(_pieces(marks))

    @cache
    def at(size: int) -> Block | None:
        """None where it does not fit."""
        lines = _wrapped(pieces, size, width)
        if len(lines) > _most_lines(size, height):  # known before their ink is measured
            return None
        block = Block(tuple(_line(line, size) for line in lines), size, leftwards)
        return block if block.height <= height and block.width <= width else None

    largest = bisect_left(sizes, True, key=lambda size: at(size) is not None)
    if largest < len(sizes) and (block := at(sizes[largest])) is not None:
        return block
    size = sizes[-1]
    lines = _wrapped([part for piece in pieces for part in _broken(piece, size, width)], size, width)
    most = _most_lines(size, height)
    while True:
        kept = (
            lines if len(lines) <= most else [*lines[: most - 1], _ended(lines[most - 1], size, width, typefaces)]
        )
        block = Block(tuple(_line(line, size) for line in kept), size, leftwards)
        if block.height <= height or len(kept) == 1:
            return block
        most = len(kept) - 1


def _most_lines(size: int, height: float) -> int:
    return 1 + max(0, int((height - (LEAST_ABOVE + LEAST_BELOW) * size) / (LINE_HEIGHT * size)))


def drawable(text: str, typefaces: Typefaces, *, bold: bool = False) -> str:
    """The text as this machine can write it: what it can't is written plainer, or else left out, an emoji
    without a trace, words with one ellipsis.
    """
    found = []
    for cluster in clusters(readable(text)):
        plain = plainer(cluster)
        if _face(cluster, bold, typefaces):
            found.append(cluster)
        elif plain and all(_face(letter, bold, typefaces) for letter in clusters(plain)):
            found.append(plain)
        elif not is_emoji(cluster):
            found.append(ELLIPSIS)
    return " ".join(_ELLIPSES.sub(ELLIPSIS, "".join(found)).split())


def _face(cluster: str, bold: bool, typefaces: Typefaces) -> Typeface | None:
    if is_emoji(cluster):
        emoji = typefaces.emoji()
        if emoji is not None and emoji.covers(cluster):
            return emoji
        if len(cluster) > 1:  # a joined one would fall apart
            return None
    return typefaces.letters(cluster, bold=bold)


def _marked(spans: Iterable[Span], typefaces: Typefaces) -> list[_Mark]:
    found: list[tuple[str, Span]] = []
    for span in spans:
        text = drawable(span.text, typefaces, bold=span.bold)
        if text:
            found += [(cluster, span) for cluster in clusters(f" {text}" if found else text)]
    texts = [cluster for cluster, _ in found]
    nested = levels(texts, right_to_left=runs_right_to_left(texts))
    marks = []
    for (cluster, span), level in zip(found, nested, strict=True):
        face = _face(cluster, span.bold, typefaces)
        if face is not None:
            marks.append(_Mark(cluster, span.ink, face, level))
    return marks


def _pieces(marks: Sequence[_Mark]) -> Iterator[list[_Mark]]:
    """What stays together on a line; a space goes with what is before it."""
    piece: list[_Mark] = []
    for mark in marks:
        if piece and may_break(piece[-1].text, mark.text):
            yield piece
            piece = []
        piece.append(mark)
    if piece:
        yield piece


def _wrapped(pieces: Iterable[list[_Mark]], size: int, width: float) -> list[list[_Mark]]:
    lines: list[list[_Mark]] = []
    room = 0.0
    for piece in pieces:
        taken = _line(piece, size).width
        if not lines or taken > room:
            lines.append([])
            room = width
        lines[-1] += piece
        room -= _line(piece, size, with_spaces=True).width if piece[-1].text == " " else taken
    return lines


def _broken(piece: list[_Mark], size: int, width: float) -> Iterator[list[_Mark]]:
    """The piece in parts that fit on a line, between clusters."""
    part: list[_Mark] = []
    for mark in piece:
        if part and _line([*part, mark], size).width > width:
            yield part
            part = []
        part.append(mark)
    yield part


def _ended(line: list[_Mark], size: int, width: float, typefaces: Typefaces) -> list[_Mark]:
    """The line with an ellipsis at its end, shortened until that fits."""
    face = _face(ELLIPSIS, False, typefaces)
    if face is None:
        return line
    while line:
        if line[-1].text in (" ", ELLIPSIS):
            line = line[:-1]
            continue
        ended = [*line, _Mark(ELLIPSIS, line[-1].ink, face, line[-1].level)]
        if _line(ended, size).width <= width:
            return ended
        line = line[:-1]
    return line


def _line(marks: Sequence[_Mark], size: int, *, with_spaces: bool = False) -> Line:
    """The marks in the order in which they are drawn; spaces at the end take no room unless asked for."""
    end = len(marks)
    while not with_spaces and end and marks[end - 1].text == " ":
        end -= 1
    groups = groupby(marks[:end], key=lambda mark: (mark.level, mark.ink, mark.face))
    runs = [
        (level, _Run("".join(mark.text for mark in group), ink, face, level % 2 == 1))
        for (level, ink, face), group in groups
    ]
    order = drawing_order([level for level, _ in runs])
    return Line(tuple(runs[place][1] for place in order), size)
