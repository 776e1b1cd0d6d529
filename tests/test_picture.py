"""The picture for sharing: its size, its label, ink where it belongs, portraits, and whatever text there is."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageChops

from bot.picture import HEIGHT, WIDTH, alt_text, read_portrait, share_picture
from bot.picture.shapes import COLOURS, WHITE, colours_of
from data.errors import InputError

BODY = (80, 202, 1120, 484)  # left, top, right, bottom
FOOT = (34, 520, 1166, 590)
CARD = WHITE
LONG = "to be the one who finds out why the lamp hums at night, though all of them say it is only the wind. " * 3
JAPANESE, ARABIC, FAMILY = "海の見える家で猫と暮らす", "أن أعيش بجانب البحر", "👨‍👩‍👧‍👦"


def drawn(continuation: str = "a boat.", *, dark: bool = False) -> Image.Image:
    data = share_picture(["Ode"], ["lampkeeper"], "My dream is", continuation, dark=dark)
    return Image.open(io.BytesIO(data))


def png(colour: str, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def ink_in(image: Image.Image, box: tuple[int, int, int, int], ground: tuple[int, int, int]) -> int:
    """Pixels in the box that are not of the ground's colour."""
    part = ImageChops.difference(image.crop(box), Image.new("RGB", (box[2] - box[0], box[3] - box[1]), ground))
    return sum(part.convert("L").histogram()[1:])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("text", ["yes.", LONG, JAPANESE, ARABIC, f"fog {FAMILY} 😀"])
def test_a_picture_has_its_size_and_ink_where_text_belongs(text: str, dark: bool) -> None:
    image = drawn(text, dark=dark)
    assert (image.format, image.size, image.mode) == ("PNG", (WIDTH, HEIGHT), "RGB")
    card = image.getpixel((60, 300))
    assert isinstance(card, tuple)
    assert (sum(card) < 150) is dark
    assert ink_in(image, BODY, card) > 2_000
    assert ink_in(image, (200, 70, 500, 180), card) > 1_000  # name and handle
    for margin in ((40, 190, 76, 500), (1126, 190, 1160, 500), (80, 488, 1120, 510)):
        assert ink_in(image, margin, card) == 0


def test_the_label_fills_the_foot_and_a_pill_above() -> None:
    image = drawn()
    strong = colours_of(["lampkeeper"])[0]
    foot = image.crop(FOOT)
    assert ink_in(image, FOOT, strong) > 2_000  # words
    assert (
        sum(count for count, colour in foot.getcolors(80_000) or () if colour == strong) > 0.75 * foot.width * 70
    )
    above = image.crop((900, 90, 1120, 154))
    assert sum(count for count, colour in above.getcolors(80_000) or () if colour == strong) > 4_000


def test_white_is_readable_on_every_colour() -> None:
    def luminance(colour: tuple[int, int, int]) -> float:
        linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert min(1.05 / (luminance(colour) + 0.05) for colour in COLOURS) >= 4.5  # as WCAG 2 asks


def test_handles_beside_each_other_have_different_colours() -> None:
    for number in range(60):
        names = [f"a{number}", f"b{number}", f"c{number}"]
        assert len(set(colours_of(names))) == 3
        assert colours_of(names)[0] == colours_of(names[:1])[0]


def test_what_differs_looks_different() -> None:
    ode = (["Ode"], ["ode"], "My dream is", "fog.")
    pictures = [
        share_picture(*ode),
        share_picture(*ode, dark=True),
        share_picture(*ode, avatars=[png("red")]),
        share_picture(["Oda"], *ode[1:]),
        share_picture((), *ode[1:]),
        share_picture(["Ode"], ["odd"], *ode[2:]),
        share_picture(["Ode"], ["ode", "gull"], *ode[2:]),
        share_picture(["Ode", "Gull"], ["ode", "gull"], *ode[2:]),
        share_picture(["Ode", "Gull", "Sock"], ["ode", "gull", "sock"], *ode[2:]),
        share_picture(*ode[:2], "", "fog."),
        share_picture(*ode[:2], "My dream", "is fog."),
        share_picture(*ode[:3], "fog!"),
    ]
    assert len(set(pictures)) == len(pictures)
    assert share_picture(*ode) == pictures[0]


def test_portraits_are_cut_round_and_initials_stand_in_for_what_is_none() -> None:
    data = share_picture((), ["a", "b"], "", "fog.", avatars=[png("#ff0000"), b"GIF89a nonsense"])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert image.getpixel((128, 122)) == (255, 0, 0)
    assert image.getpixel((82, 76)) == CARD  # outside of the circle
    assert image.getpixel((224, 90)) == colours_of(["a", "b"])[1]


def test_what_is_no_portrait_is_refused_in_a_sentence() -> None:
    whole = png("red")
    for data in (b"", b"text", whole[:40], whole[:-30]):
        with pytest.raises(InputError, match="can't be read"):
            read_portrait(data)
    file = io.BytesIO()
    Image.new("1", (6000, 6000)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    with pytest.raises(InputError, match="too large"):
        read_portrait(file.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        "fog " * 250_000,
        "x" * 1_000_000,
        "".join(map(chr, range(32))) * 1_000,
        "a" + "\u0301\u0353\u0489" * 10_000,
        "\u0301" * 10_000,
        "\u202e\u2066" * 1_000 + "ok",
        "😀\u200d" * 20_000,
        "🇩" * 5_001,
        "\ud800\udfff\ufffe\U0010ffff" * 100,
        "(" * 2_000 + "א",
        "﷽" * 300,
        "",
        " \n ",
    ],
    ids=lambda text: f"{len(text)}-{text[:2]!r}".encode("ascii", "backslashreplace").decode(),
)
def test_hostile_text_is_drawn_quickly_and_in_bounds(text: str) -> None:
    began = time.process_time()
    image = Image.open(io.BytesIO(share_picture([text], ["ode"], text, text)))
    assert time.process_time() - began < 5
    assert image.size == (WIDTH, HEIGHT)
    for margin in ((40, 190, 70, 500), (1130, 190, 1160, 500)):
        assert ink_in(image, margin, CARD) == 0


def test_pictures_can_be_drawn_side_by_side() -> None:
    with ThreadPoolExecutor(4) as pool:
        pictures = set(pool.map(lambda number: share_picture((), ["ode"], "My", f"{LONG} {number % 2}"), range(8)))
    assert len(pictures) == 1  # the number is beyond what is shown


def test_the_alternative_text_says_who_and_that_it_is_a_machine() -> None:
    assert alt_text(["ode"], "My dream is fog.") == "AI bot of @ode, made up by a machine: My dream is fog."
    assert alt_text(["a", "b"], "x " * 9_000).startswith("AI cyborg of @a & @b, made up by a machine: x x")
    assert len(alt_text(["a" * 900, "b"], LONG)) <= 1_000
