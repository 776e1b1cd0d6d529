"""The picture as a whole: whose voice it is above, what it said in the middle, the AI label above and below."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from bot.picture.direction import runs_right_to_left
from bot.picture.setting import Block, Span, drawable, set_in_box
from bot.picture.shapes import (
    BLACK,
    WHITE,
    Box,
    Colour,
    colours_of,
    gradient,
    mixed,
    read_portrait,
    robot,
    round_cut,
    rounded,
    shadow,
)
from bot.picture.typefaces import Typefaces, typefaces_of_system
from bot.picture.words import clusters, cut, may_break, readable
from data.errors import InputError

WIDTH, HEIGHT = 1200, 628  # pixels: what X, Discord and the like show whole
LONGEST = 250  # characters of what was said, the opening included
LONGEST_OPENING = 120  # of these
LONGEST_NAME = 60
HASHTAG = "#huggingtweets"

_MARGIN, _RADIUS, _PADDING = 32, 36, 48
_CARD: Box = (_MARGIN, _MARGIN, WIDTH - _MARGIN, HEIGHT - _MARGIN)
_LEFT, _RIGHT = _MARGIN + _PADDING, WIDTH - _MARGIN - _PADDING
_HEAD = 122  # the middle of the upper row
_PORTRAITS, _OVERLAP, _RING = (104, 96, 84), 10, 4  # sizes: of one, of each of two, of each of three
_BAND = 84  # height of the label at the foot of the card
_BODY_TOP, _BODY_BOTTOM = 202, HEIGHT - _MARGIN - _BAND - 28
_PILL, _PILL_PADDING, _ICON = 64, 22, 38
_GAP = 28  # between what stands side by side

_INITIAL_SIZES = (36, 30, 24)
_NAME_SIZES = (46, 42, 38, 34, 30, 27, 24)
_HANDLE_SIZES = (28, 25, 22, 20)
_BODY_SIZES = (74, 69, 64, 58, 54, 50, 47, 44, 41, 38, 36, 34, 32, 30, 28, 26)
_FOOT_SIZES = (29, 26, 23, 20)


@dataclass(frozen=True)
class _Look:
    card: Colour
    ink: Colour
    quiet: Colour  # of handles and the opening
    towards: Colour  # what the colours of the ground tend to
    accent: float  # how much white is in the colour of the arrow


_LIGHT = _Look(WHITE, (20, 23, 28), (88, 98, 112), towards=WHITE, accent=0.0)
_DARK = _Look((22, 25, 31), (244, 246, 249), (168, 178, 190), towards=BLACK, accent=0.5)


def share_picture(
    names: Sequence[str],
    handles: Sequence[str],
    opening: str,
    continuation: str,
    *,
    avatars: Sequence[bytes] = (),
    dark: bool = False,
    typefaces: Typefaces | None = None,
) -> bytes:
    """A PNG of WIDTH x HEIGHT with what a voice of one to three `handles` made of `opening`, which may be empty.

    `names` are those that people go by and `avatars` their pictures as files, both in the order of the handles;
    for one that is missing or can't be read, the handle and its initial stand in. `typefaces` are those of this
    machine unless given. Takes any text. It keeps a processor busy for a moment, so call it off the event loop.
    """
    look = _DARK if dark else _LIGHT
    colours = colours_of(handles)
    sheet = _Sheet(_ground(colours, look), look, handles, colours, typefaces or typefaces_of_system())
    portraits_end = sheet.draw_portraits(names, avatars)
    pill_start = sheet.draw_pill()
    sheet.draw_title(names, portraits_end + _GAP, pill_start - _GAP)
    sheet.draw_body(opening, continuation)
    sheet.draw_foot()
    file = io.BytesIO()
    sheet.picture.save(file, "PNG")
    return file.getvalue()


def split_at_opening(text: str, opening: str) -> tuple[str, str]:
    """What a voice was given and what it added, between two words; no opening where the text has another start."""
    opening = " ".join(opening.split())
    if not text.startswith(opening):
        return "", text
    added = text[len(opening) :]
    if opening and added and not added[0].isspace() and not may_break(opening[-1], added[0]):
        opening = opening.rpartition(" ")[0]  # of "gull" it made "gulling"
    return opening, text[len(opening) :].strip()


def alt_text(handles: Sequence[str], text: str) -> str:
    """What the picture shows, for those who can't see it; at most 1,000 characters."""
    return f"{_kind(handles)} of {_joined(handles)}, made up by a machine: {cut(readable(text), LONGEST)}"[:1000]


@dataclass(frozen=True)
class _Sheet:
    """The picture while it is drawn."""

    picture: Image.Image
    look: _Look
    handles: Sequence[str]
    colours: Sequence[Colour]  # of the handles; white is readable on them
    typefaces: Typefaces

    def draw_portraits(self, names: Sequence[str], avatars: Sequence[bytes]) -> int:
        """Side by side, the first on top; gives where they end."""
        size = _PORTRAITS[min(len(self.handles), len(_PORTRAITS)) - 1]
        whole = size + 2 * _RING
        for number in reversed(range(len(self.handles))):
            left, top = _LEFT + number * (size - _OVERLAP), _HEAD - size // 2
            self.picture.paste(self.look.card, (left - _RING, top - _RING), rounded((whole, whole), whole // 2))
            disc = self._portrait(number, size, names, avatars)
            self.picture.paste(disc, (left, top), disc)
        return _LEFT + len(self.handles) * (size - _OVERLAP) + _OVERLAP

    def _portrait(self, number: int, size: int, names: Sequence[str], avatars: Sequence[bytes]) -> Image.Image:
        if number < len(avatars) and avatars[number]:
            try:
                return round_cut(read_portrait(avatars[number]), size)
            except InputError:
                pass  # initials do as well
        handle = self.handles[number]
        disc = Image.new("RGBA", (size, size), self.colours[number])
        initials = _initials(_name(names, number, handle), self.typefaces) or _initials(handle, self.typefaces)
        block = self._set(Span(initials, WHITE, bold=True), size - 24, size, _INITIAL_SIZES)
        block.draw(disc, (size - block.width) / 2, size / 2, block.width)
        return round_cut(disc, size)

    def draw_pill(self) -> int:
        """The AI label beside the name; gives where it starts."""
        colour = self.colours[0]
        words = self._set(Span(_kind(self.handles), WHITE, bold=True), _RIGHT - _LEFT, _PILL, (32,))
        width = round(2 * _PILL_PADDING + _ICON + 14 + words.width)
        left = _RIGHT - width
        self.picture.paste(colour, (left, _HEAD - _PILL // 2), rounded((width, _PILL), _PILL // 2))
        icon = robot(_ICON, WHITE, colour)
        self.picture.paste(icon, (left + _PILL_PADDING, _HEAD - _ICON // 2 - 2), icon)
        words.draw(self.picture, left + _PILL_PADDING + _ICON + 14, _HEAD, words.width)
        return left

    def draw_title(self, names: Sequence[str], left: float, right: float) -> None:
        """Names above handles; only the handles where nobody goes by another name."""
        handles = [f"@{handle}" for handle in self.handles]
        shown = [_name(names, number, handle) for number, handle in enumerate(handles)]
        title = Span(" & ".join(shown), self.look.ink, bold=True)
        if shown == handles:
            blocks = [self._set(title, right - left, 104, _NAME_SIZES)]
        else:
            below = Span(" & ".join(handles), self.look.quiet)
            blocks = [
                self._set(title, right - left, 64, _NAME_SIZES),
                self._set(below, right - left, 48, _HANDLE_SIZES),
            ]
        space = 14 if sum(len(block.lines) for block in blocks) == 2 else 9
        y = _HEAD - (sum(block.height for block in blocks) + space * (len(blocks) - 1)) / 2
        for block in blocks:
            block.draw(self.picture, left, y + block.height / 2, block.width)
            y += block.height + space

    def draw_body(self, opening: str, continuation: str) -> None:
        """What it was given, an arrow, and what it made of it."""
        opening = cut(readable(opening), LONGEST_OPENING)
        continuation = cut(readable(continuation), LONGEST - len(clusters(opening)))
        spans = [Span(continuation, self.look.ink, bold=True)]
        if opening:
            arrow = "←" if runs_right_to_left(clusters(opening + continuation)) else "→"
            accent = mixed(self.colours[0], WHITE, self.look.accent)
            spans = [Span(opening, self.look.quiet), Span(arrow, accent, bold=True), *spans]
        block = set_in_box(spans, self.typefaces, _RIGHT - _LEFT, _BODY_BOTTOM - _BODY_TOP, _BODY_SIZES)
        block.draw(self.picture, _LEFT, (_BODY_TOP + _BODY_BOTTOM) / 2, _RIGHT - _LEFT)

    def draw_foot(self) -> None:
        """The AI label again, in words, on the band across the card."""
        middle = _CARD[3] - _BAND / 2
        tag = self._set(Span(HASHTAG, WHITE, bold=True), _RIGHT - _LEFT, _BAND, _FOOT_SIZES)
        tag.draw(self.picture, _RIGHT - tag.width, middle, tag.width)
        label = Span(f"Made up by a machine, not written by {_joined(self.handles)}", WHITE)
        words = self._set(label, _RIGHT - _LEFT - tag.width - _GAP, 60, _FOOT_SIZES)
        words.draw(self.picture, _LEFT, middle, words.width)

    def _set(self, span: Span, width: float, height: float, sizes: Sequence[int]) -> Block:
        return set_in_box([span], self.typefaces, width, height, sizes)


def _ground(colours: Sequence[Colour], look: _Look) -> Image.Image:
    """The card with its band, on a ground in the colours of the handles."""
    if len(colours) == 1:
        tones = [mixed(colours[0], look.towards, share) for share in (0.5, 0.2)]
    else:
        tones = [mixed(colour, look.towards, 0.35) for colour in colours]
    picture = gradient((WIDTH, HEIGHT), tones)
    picture.paste(BLACK, (0, 0), shadow((WIDTH, HEIGHT), _CARD, _RADIUS))
    left, top, right, bottom = _CARD
    card = Image.new("RGB", (right - left, bottom - top), look.card)
    card.paste(colours[0], (0, card.height - _BAND, card.width, card.height))
    picture.paste(card, (left, top), rounded(card.size, _RADIUS))
    return picture


def _kind(handles: Sequence[str]) -> str:
    return "AI bot" if len(handles) == 1 else "AI cyborg"


def _joined(handles: Sequence[str]) -> str:
    return " & ".join(f"@{handle}" for handle in handles)


def _name(names: Sequence[str], number: int, handle: str) -> str:
    """The handle, as it is given, where no other name is known."""
    name = cut(readable(names[number]), LONGEST_NAME) if number < len(names) else ""
    return handle if not name or name == handle.removeprefix("@") else name


def _initials(name: str, typefaces: Typefaces) -> str:
    """Of the first and the last word, as far as this machine can write them; one in scripts without capitals."""
    words = [word for word in drawable(name, typefaces, bold=True).replace("_", " ").split() if word[0].isalnum()]
    first, *others = [clusters(word)[0].upper() for word in words] or [""]
    return first + others[-1] if others and first.isupper() and others[-1].isupper() else first
