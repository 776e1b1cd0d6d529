"""An evaluation as a picture: for each voice its bits per byte beside the others', and what its texts are like."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from bot.quality.evaluation import Evaluation

WIDTH = 720  # pixels; as high as there are bars
_FINER = 2  # drawn so many times as large, then reduced: Pillow's shapes have no soft edges of their own
_NAMES, _RIGHT, _MARGIN = 250, 80, 20  # pixels for the words beside the bars, for their values, around all
_BAR, _GAP, _TITLE = 16, 8, 38  # pixels
_FONT = 13  # pixels

_GROUND, _RAIL, _WORDS = "#2b2d31", "#45484f", "#e3e5e8"
_OURS, _OTHER = "#f0b232", "#9aa3af"


@dataclass(frozen=True)
class _Bar:
    """`share` is how much of the room for bars it takes, 0 to 1."""

    name: str
    share: float
    value: str
    ours: bool


@dataclass(frozen=True)
class _Panel:
    title: str
    bars: Sequence[_Bar]


def quality_plot(evaluation: Evaluation) -> bytes:
    """A PNG. Without attribution, or without anything tuned by the reference recipe, those bars are missing."""
    panels = [_Panel("Held-out bits per byte: less is better", _bits(evaluation))]
    if evaluation.attribution:
        panels.append(_Panel("Attribution: given to the right person", _attributed(evaluation)))
    panels.append(_Panel("Candidates that copy eight words in a row, before the gates", _copied(evaluation)))
    height = 2 * _MARGIN + sum(_TITLE + len(panel.bars) * (_BAR + _GAP) for panel in panels)
    picture = Image.new("RGB", (WIDTH * _FINER, height * _FINER), _GROUND)
    draw = ImageDraw.Draw(picture)
    top = _MARGIN
    for panel in panels:
        _write(draw, panel.title, _MARGIN, top + _TITLE / 2, "lm", _WORDS)
        top += _TITLE
        for bar in panel.bars:
            _draw_bar(draw, bar, top)
            top += _BAR + _GAP
    file = io.BytesIO()
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(file, "PNG", optimize=True)
    return file.getvalue()


def _bits(evaluation: Evaluation) -> list[_Bar]:
    found: list[tuple[str, float]] = []
    for voice in evaluation.voices:
        found.append((voice.name, voice.bits.voice))
        if voice.bits.reference is not None:
            found.append(("by the reference recipe", voice.bits.reference))
        found += [("the base", voice.bits.base), ("a Markov chain", voice.bits.markov)]
    most = max(value for _, value in found)
    names = {voice.name for voice in evaluation.voices}
    return [_Bar(name, value / most, f"{value:.2f}", name in names) for name, value in found]


def _attributed(evaluation: Evaluation) -> list[_Bar]:
    told = evaluation.attribution
    assert told is not None
    bars = [_Bar("real posts (ceiling)", told.ceiling, f"{told.ceiling:.0%}", False)]
    for voice, shares in zip(evaluation.voices, told.shares, strict=True):
        right = sum(shares.get(handle, 0.0) for handle in voice.handles)
        bars.append(_Bar(voice.name, right, f"{right:.0%}", True))
    return [*bars, _Bar("chance", told.chance, f"{told.chance:.0%}", False)]


def _copied(evaluation: Evaluation) -> list[_Bar]:
    rates = [(voice.name, voice.said.copy_rate_raw) for voice in evaluation.voices]
    most = max(0.1, *(rate for _, rate in rates))  # so that a small rate looks small
    return [_Bar(name, rate / most, f"{rate:.1%}", True) for name, rate in rates]


def _draw_bar(draw: ImageDraw.ImageDraw, bar: _Bar, top: float) -> None:
    left, room = _MARGIN + _NAMES, WIDTH - 2 * _MARGIN - _NAMES - _RIGHT
    _fill(draw, left, top, room, _RAIL)
    _fill(draw, left, top, room * bar.share, _OURS if bar.ours else _OTHER)
    _write(draw, _shortened(bar.name), left - 10, top + _BAR / 2, "rm", _WORDS)
    _write(draw, bar.value, left + room + 10, top + _BAR / 2, "lm", _WORDS)


def _fill(draw: ImageDraw.ImageDraw, left: float, top: float, width: float, colour: str) -> None:
    if width > 0:
        draw.rectangle((left * _FINER, top * _FINER, (left + width) * _FINER, (top + _BAR) * _FINER), fill=colour)


def _write(draw: ImageDraw.ImageDraw, text: str, x: float, y: float, anchor: str, colour: str) -> None:
    font = ImageFont.load_default(size=_FONT * _FINER)
    draw.text((x * _FINER, y * _FINER), text, colour, font, anchor=anchor)


def _shortened(name: str, longest: int = 32) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}\u2026"
