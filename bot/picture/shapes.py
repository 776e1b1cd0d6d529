"""What a picture holds besides text: the ground, the card, round portraits and the robot of the AI label.

Curves are drawn four times as large and reduced, as Pillow's own have no soft edges.
"""

import hashlib
import io
import struct
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter

from data.errors import InputError

FINER = 4
LARGEST_PORTRAIT = 4096 * 4096  # pixels; a small file can hold far more
PORTRAIT_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
COLOURS: tuple[Colour, ...] = (
    (176, 34, 58), (180, 68, 18), (146, 94, 12), (84, 112, 16), (30, 118, 60), (12, 114, 102),
    (12, 108, 140), (28, 96, 180), (60, 74, 190), (106, 54, 198), (150, 42, 172), (180, 36, 112),
)  # fmt: skip
"""Round the wheel; white is readable on each."""


def colours_of(handles: Sequence[str]) -> list[Colour]:
    """A colour for each, the same for the same handle unless another one beside it has taken it."""
    free = list(COLOURS)
    found = []
    for handle in handles:
        digest = hashlib.blake2b(handle.lower().encode(errors="replace"), digest_size=4).digest()
        own = COLOURS[int.from_bytes(digest) % len(COLOURS)]
        found.append(own if own in free else free[len(free) // 2])
        free.remove(found[-1])
    return found


def mixed(colour: Colour, with_colour: Colour, share: float) -> Colour:
    """The colour with a `share`, 0 to 1, of the other."""
    red, green, blue = (round(own + (other - own) * share) for own, other in zip(colour, with_colour, strict=True))
    return red, green, blue


def gradient(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """From the first colour at the upper left to the last at the lower right."""
    steps = [*colours, colours[-1]] if len(colours) == 1 else list(colours)
    small = Image.new("RGB", (len(steps), len(steps)))
    for x in range(len(steps)):
        for y in range(len(steps)):
            small.putpixel((x, y), steps[(x + y) // 2])
    return small.resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=8)
def rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """A mask of a rectangle with round corners."""
    mask = Image.new("L", (size[0] * FINER, size[1] * FINER))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius * FINER, 255)
    return mask.resize(size, Image.Resampling.BOX)


@lru_cache(maxsize=2)
def shadow(size: tuple[int, int], box: Box, radius: int) -> Image.Image:
    """A mask of the soft shadow that a card at `box` throws on a ground of `size`."""
    mask = Image.new("L", size)
    left, top, right, bottom = box
    ImageDraw.Draw(mask).rounded_rectangle((left, top + 10, right, bottom + 10), radius, 90)
    return mask.filter(ImageFilter.GaussianBlur(16))


def read_portrait(data: bytes) -> Image.Image:
    """A picture somebody gave. Raises InputError where it can't be read or is too large."""
    try:
        with Image.open(io.BytesIO(data), formats=PORTRAIT_FORMATS) as picture:
            if picture.width * picture.height > LARGEST_PORTRAIT:
                raise InputError("The profile picture is too large; give one of at most 4096 by 4096 pixels.")
            return picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, EOFError, struct.error):  # what Pillow's readers raise
        raise InputError("The profile picture can't be read; give a PNG, JPEG, WebP or GIF.") from None


def round_cut(picture: Image.Image, size: int) -> Image.Image:
    """The middle of a picture as a disc."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
    disc = Image.new("RGBA", (size, size), WHITE)  # behind what is transparent
    disc.alpha_composite(square)
    disc.putalpha(rounded((size, size), size // 2))
    return disc


@lru_cache(maxsize=8)
def robot(size: int, ink: Colour, eyes: Colour) -> Image.Image:
    """A robot's head, so that the label is understood without a word."""
    unit = size * FINER / 24
    picture = Image.new("RGBA", (size * FINER, size * FINER))
    draw = ImageDraw.Draw(picture)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * unit, top * unit, right * unit, bottom * unit

    draw.ellipse(box(10, 0.5, 14, 4.5), ink)
    draw.rectangle(box(11.2, 3, 12.8, 8), ink)
    draw.rounded_rectangle(box(0.5, 12, 4, 18), 1.2 * unit, ink)
    draw.rounded_rectangle(box(20, 12, 23.5, 18), 1.2 * unit, ink)
    draw.rounded_rectangle(box(3, 7, 21, 23), 4.5 * unit, ink)
    draw.ellipse(box(7, 11, 11, 15), eyes)
    draw.ellipse(box(13, 11, 17, 15), eyes)
    draw.rounded_rectangle(box(8.5, 17.6, 15.5, 19.4), 0.9 * unit, eyes)
    return picture.resize((size, size), Image.Resampling.LANCZOS)
