"""The plot of losses: a picture of a known size that shows every kind of history."""

import io
import math

import pytest
from PIL import Image

from bot.plot import HEIGHT, WIDTH, loss_plot

HELD_OUT = (0xF0, 0xB2, 0x32)


def picture(before: float, *entries: tuple[float, float, float]) -> Image.Image:
    history = [{"step": step, "held_out_loss": held_out, "loss": loss} for step, held_out, loss in entries]
    return Image.open(io.BytesIO(loss_plot(before, history)))


def curve(image: Image.Image) -> list[tuple[int, int]]:
    """The pixels of the held-out curve, from left to right, below the words above it."""
    return [(x, y) for x in range(WIDTH) for y in range(40, HEIGHT) if image.getpixel((x, y)) == HELD_OUT]


def test_it_falls_from_left_to_right() -> None:
    image = picture(5.9, (10, 5.1, 5.3), (20, 4.6, 4.8), (30, 4.4, 4.1))
    assert (image.format, image.size, image.mode) == ("PNG", (WIDTH, HEIGHT), "RGB")
    found = curve(image)
    assert found[0][0] < 80
    assert found[-1][0] > 600
    assert found[0][1] < HEIGHT / 2 < found[-1][1]


def test_a_voice_that_learned_more_looks_different() -> None:
    assert loss_plot(5.0, [{"step": 5, "held_out_loss": 4.0}]) != loss_plot(
        5.0, [{"step": 5, "held_out_loss": 3.0}]
    )


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(0, 4.0, math.nan)],
        [(1200, 3.999, 4.0)],
        [(3, 1.2, math.nan), (6, math.nan, 1.0)],
        [(1, 11.0, 12.0), (2, 0.001, 0.002), (3, 0.002, 40.0)],
    ],
)
def test_any_history_gives_a_picture(entries: list[tuple[float, float, float]]) -> None:
    assert picture(4.0, *entries).size == (WIDTH, HEIGHT)
