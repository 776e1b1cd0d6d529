"""The plot of a tuning's losses, as a picture that any chat can show."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 640, 240  # pixels
_FINER = 2  # drawn so many times as large, then reduced: Pillow's lines have no soft edges of their own
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 40, 44  # pixels around the curves, for words
_FONT = 14  # pixels
_MARKS = 4  # lines across, at most

# A ground of its own, so that it reads the same on white and on black.
_GROUND, _LINES, _WORDS = "#2b2d31", "#45484f", "#e3e5e8"
_HELD_OUT, _TRAINING = "#f0b232", "#9aa3af"

Point = tuple[float, float]  # step, loss


@dataclass(frozen=True)
class _Canvas:
    """Draws in the units of the curves: steps to the right, losses upwards."""

    draw: ImageDraw.ImageDraw
    steps: float  # at the right edge
    lowest: float
    highest: float

    def place(self, point: Point) -> Point:
        """Where in the picture, in its fine pixels."""
        step, loss = point
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * step / self.steps
        y = _TOP + (HEIGHT - _TOP - _BOTTOM) * (self.highest - loss) / (self.highest - self.lowest)
        return x * _FINER, y * _FINER

    def line(self, points: Sequence[Point], colour: str, width: int) -> None:
        self.draw.line([self.place(point) for point in points], colour, width * _FINER, joint="curve")

    def dot(self, point: Point, colour: str) -> None:
        self.draw.circle(self.place(point), 4 * _FINER, colour)

    def word(self, text: str, point: Point, anchor: str, offset: Point = (0, 0), colour: str = _WORDS) -> None:
        """`anchor` as Pillow has it; `offset` in pixels of the picture."""
        x, y = self.place(point)
        font = ImageFont.load_default(size=_FONT * _FINER)
        there = (x + offset[0] * _FINER, y + offset[1] * _FINER)
        # With a rim of ground, so that a curve behind it leaves it readable.
        self.draw.text(there, text, colour, font, anchor=anchor, stroke_width=3 * _FINER, stroke_fill=_GROUND)


def loss_plot(before: float, history: Sequence[Mapping[str, float]]) -> bytes:
    """A PNG of the held-out loss over the steps, from `before` on to the best, and of the training loss behind it.

    `history` has a mapping for each evaluation: `step`, `held_out_loss`, and `loss` where it is known; all losses
    in nats per token. What is not a number is left out.
    """
    held_out = [(0.0, before), *_curve(history, "held_out_loss")]
    training = _curve(history, "loss")
    best = min(held_out, key=lambda point: point[1])
    losses = [loss for _, loss in (*held_out, *training)]
    margin = max(0.22 * (max(losses) - min(losses)), 0.05)
    picture = Image.new("RGB", (WIDTH * _FINER, HEIGHT * _FINER), _GROUND)
    steps = max(step for step, _ in held_out) or 1.0
    canvas = _Canvas(ImageDraw.Draw(picture), steps, min(losses) - margin, max(losses) + margin)
    _draw_axes(canvas)
    if len(training) > 1:
        canvas.line(training, _TRAINING, 2)
        canvas.word("training loss", (0, canvas.highest), "ls", (120, -12), _TRAINING)
    canvas.line(held_out, _HELD_OUT, 3)
    _write_value(canvas, held_out[0], "lm")
    if best != held_out[0]:
        _write_value(canvas, best, "rm" if best[0] > steps / 2 else "lm")
    small = picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def _curve(history: Sequence[Mapping[str, float]], key: str) -> list[Point]:
    points = ((float(entry["step"]), float(entry.get(key, math.nan))) for entry in history if entry["step"] > 0)
    return [(step, loss) for step, loss in points if math.isfinite(loss)]


def _draw_axes(canvas: _Canvas) -> None:
    mark = mark_every(canvas.highest - canvas.lowest)
    digits = max(0, -math.floor(math.log10(mark)))
    loss = math.ceil(canvas.lowest / mark) * mark
    while loss <= canvas.highest:
        canvas.line([(0, loss), (canvas.steps, loss)], _LINES, 1)
        canvas.word(f"{loss:.{digits}f}", (0, loss), "rm", (-10, 0))
        loss += mark
    bottom = canvas.lowest
    canvas.word("0", (0, bottom), "mt", (0, 8))
    canvas.word(f"{canvas.steps:,.0f}", (canvas.steps, bottom), "rt", (0, 8))
    canvas.word("steps", (canvas.steps / 2, bottom), "mt", (0, 8))
    canvas.word("held-out loss", (0, canvas.highest), "ls", (0, -12), _HELD_OUT)
    canvas.word("nats per token", (canvas.steps, canvas.highest), "rs", (0, -12))


def mark_every(span: float, most: int = _MARKS) -> float:
    """1, 2 or 5 times a power of ten, so that about `most` marks lie in `span`."""
    least = span / most
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _write_value(canvas: _Canvas, point: Point, anchor: str) -> None:
    canvas.dot(point, _HELD_OUT)
    left = anchor.startswith("l")
    # Above the first point, from where curves fall, and below the best one, to which they fell.
    canvas.word(f"{point[1]:.2f}", point, anchor, (10 if left else 0, -14 if point[0] == 0 else 18))
