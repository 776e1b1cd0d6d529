"""Text in a picture: what is left of it, where lines end, which font draws it, and that it stays in its box."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFont

from bot.picture import share_picture, split_at_opening
from bot.picture.direction import drawing_order, levels
from bot.picture.setting import Block, Span, drawable, set_in_box
from bot.picture.typefaces import Typefaces, typefaces_of_system
from bot.picture.words import clusters, cut, readable

INK = (20, 23, 28)
SIZES = (60, 48, 36, 24)
LONG = "to be the one who finds out why the lamp hums at night, though all of them say it is only the wind. " * 3
NO_FONTS = Typefaces([])
JAPANESE, ARABIC, FAMILY = "海の見える家で猫と暮らす", "أن أعيش بجانب البحر", "👨‍👩‍👧‍👦"


def text_of(block: Block) -> str:
    return " ".join("".join(run.text for run in line.runs) for line in block.lines)


def ink_box(block: Block, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Where the block's ink is, by the box it was set in; drawn on a ground that reaches 100 pixels further."""
    image = Image.new("RGB", (width + 200, height + 200), "white")
    block.draw(image, 100, 100 + height / 2, width)
    found = ImageChops.invert(image).getbbox()
    return (found[0] - 100, found[1] - 100, found[2] - 100, found[3] - 100) if found else None


# Words


def test_what_nobody_sees_is_gone() -> None:
    assert readable(" a\tb\n\nc\x00\u202ed\ud800e\u200b\ufeff ") == "a b cde"
    assert readable("e\u0301") == "é"
    assert readable(" \u0301\u0353a") == "a"  # accents of nothing
    assert readable("نمی\u200cشد") == "نمی\u200cشد"  # the joiner is part of the word


@pytest.mark.parametrize(
    "whole",
    [
        FAMILY,
        "👩🏽‍❤️‍💋‍👨🏿",
        "🇩🇪",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "1️⃣",
        "é́",
        "क्षि",
    ],
)
def test_what_readers_see_as_one_stays_one(whole: str) -> None:
    assert clusters(f"a{whole}b") == ["a", whole, "b"]


def test_text_is_cut_after_a_word() -> None:
    assert cut("one two three", 13) == "one two three"
    assert cut("one two, three", 13) == "one two…"
    assert cut("one two three four", 9) == "one two…"
    assert cut("x" * 300, 10) == "x" * 9 + "…"
    assert len(clusters(cut(FAMILY * 300, 250))) == 250


@pytest.mark.parametrize(
    ("text", "opening", "parts"),
    [
        ("My dream is a boat.", " My  dream is ", ("My dream is", "a boat.")),
        ("The gulling is loud.", "The gull", ("The", "gulling is loud.")),
        ("Fog, as always.", "Fog", ("", "Fog, as always.")),
        ("私の夢は海です", "私の夢は", ("私の夢は", "海です")),
        ("It rains.", "What of the fog?", ("", "It rains.")),
        ("It rains.", "", ("", "It rains.")),
    ],
)
def test_a_post_is_split_between_words(text: str, opening: str, parts: tuple[str, str]) -> None:
    assert split_at_opening(text, opening) == parts


# Setting


@pytest.mark.parametrize("text", ["Yes.", LONG[:250], "word " * 12, "A Żółć & ½ of 'it' (all)."])
def test_all_words_are_there_and_inside_the_box(text: str) -> None:
    block = set_in_box([Span(text, INK)], typefaces_of_system(), 1000, 260, SIZES)
    assert text_of(block).split() == drawable(text, typefaces_of_system()).split()
    found = ink_box(block, 1000, 260)
    assert found is not None
    left, top, right, bottom = found
    assert left >= -2
    assert top >= -2
    assert right <= 1002
    assert bottom <= 262


def test_text_takes_the_largest_size_that_fits() -> None:
    sizes = [
        set_in_box([Span("fog " * count, INK)], NO_FONTS, 800, 200, SIZES).size for count in (3, 30, 50, 70, 400)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(SIZES)
    assert sizes[-1] == min(SIZES)


def test_a_word_makes_the_text_smaller_before_it_is_broken() -> None:
    block = set_in_box([Span("incomprehensibilities", INK)], NO_FONTS, 300, 200, SIZES)
    assert len(block.lines) == 1
    broken = set_in_box([Span("incomprehensibilities" * 4, INK)], NO_FONTS, 300, 200, SIZES)
    assert len(broken.lines) > 1
    assert text_of(broken).replace(" ", "") == "incomprehensibilities" * 4


def test_what_is_too_long_ends_with_an_ellipsis() -> None:
    block = set_in_box([Span("fog and gulls " * 200, INK)], NO_FONTS, 600, 120, SIZES)
    assert text_of(block).endswith("…")
    assert block.height <= 120
    assert block.width <= 600


def test_a_box_that_is_too_low_still_gets_a_line() -> None:
    for text in ("fog", "fog " * 50, "a\u0301\u0302\u0303\u0304"):
        assert len(set_in_box([Span(text, INK)], typefaces_of_system(), 300, 5, SIZES).lines) == 1
    assert set_in_box([], NO_FONTS, 300, 5, SIZES).lines == ()


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_stays_in_its_box(text: str) -> None:
    for fonts in (typefaces_of_system(), NO_FONTS):
        # Swashes and accents may stand out a little from what is measured.
        found = ink_box(set_in_box([Span(text, INK, bold=True)], fonts, 700, 240, SIZES), 700, 240)
        assert found is None or (found[0] >= -12 and found[2] <= 712 and found[1] >= -12 and found[3] <= 252)


# Direction


def order_of(text: str, *, leftwards: bool) -> str:
    found = clusters(text)
    return "".join(found[place] for place in drawing_order(levels(found, right_to_left=leftwards)))


@pytest.mark.parametrize(
    ("text", "leftwards", "drawn"),
    [
        ("abc def", False, "abc def"),
        ("אבג", True, "גבא"),
        ("ab אב, גד cd", False, "ab דג ,בא cd"),
        ("אב ab cd גד", True, "דג ab cd בא"),
        ("אב 12:30, 25% ג", True, "ג 25% ,12:30 בא"),
        ("אב!", True, "!בא"),
        ("ab אב!", False, "ab בא!"),
    ],
)
def test_mixed_text_is_drawn_in_the_order_of_unicode(text: str, leftwards: bool, drawn: str) -> None:
    assert order_of(text, leftwards=leftwards) == drawn


# Fonts


def test_without_any_font_text_is_written_plainer_and_never_in_boxes(tmp_path: Path) -> None:
    fonts = Typefaces.in_folders([tmp_path, tmp_path / "nowhere"])
    assert drawable(f"Cafe\u0301 😀{FAMILY} \uff46ine", fonts) == "Cafe fine"
    assert drawable(f"so {JAPANESE} {ARABIC}, ok", fonts) == "so …, ok"
    assert drawable(JAPANESE, fonts) == "…"
    assert fonts.emoji() is None
    for text in (JAPANESE, ARABIC, FAMILY, "plain"):
        assert share_picture([text], ["ode"], text, text, typefaces=fonts)


def test_a_damaged_font_is_passed_over(tmp_path: Path) -> None:
    whole = ImageFont.load_default(16).path.getvalue()  # type: ignore[union-attr]  # Pillow's own, in memory
    for name, data in {"cut.ttf": whole[:3000], "empty.otf": b"", "NotoColorEmoji.ttf": whole[:90]}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "NotoSans-Regular.ttf").write_bytes(whole[:9000])  # its table of characters is whole
    (tmp_path / "folder.ttf").mkdir()
    fonts = Typefaces.in_folders([tmp_path])
    assert share_picture((), ["ode"], "", "a boat.", typefaces=fonts)
    assert drawable("fog 😀", fonts) == "fog"


def test_where_fontconfig_is_missing_the_usual_folders_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("fc-list") or not typefaces_of_system().letters("ж", bold=False):
        pytest.skip("this machine has no fonts to find")
    monkeypatch.setenv("PATH", "/nowhere")
    assert Typefaces.of_system().letters("ж", bold=False)


def covered(text: str, *, emoji: bool = False) -> None:
    """Skip where this machine has no font for it."""
    fonts = typefaces_of_system()
    if not (fonts.emoji() if emoji else all(fonts.letters(letter, bold=True) for letter in clusters(text))):
        pytest.skip("this machine has no font for it; the Dockerfile names those of Debian")


def test_emoji_come_in_colours_and_whole() -> None:
    covered(FAMILY, emoji=True)
    block = set_in_box([Span("🍓", INK)], typefaces_of_system(), 400, 200, SIZES)
    image = Image.new("RGB", (400, 200), "white")
    block.draw(image, 0, 100, 400)
    reddest = max(pixel[0] - pixel[1] for _, pixel in image.getcolors(80_000) or ())
    assert reddest > 100
    one = set_in_box([Span("👨", INK)], typefaces_of_system(), 400, 200, SIZES)
    if ImageFont.core.HAVE_RAQM:
        assert set_in_box([Span(FAMILY, INK)], typefaces_of_system(), 400, 200, SIZES).width == one.width


def test_lines_of_chinese_and_japanese_end_between_letters_but_not_before_a_stop() -> None:
    covered(JAPANESE)
    block = set_in_box([Span(f"{JAPANESE}。" * 6, INK)], typefaces_of_system(), 500, 300, (40, 30))
    lines = ["".join(run.text for run in line.runs) for line in block.lines]
    assert len(lines) > 3
    assert min(len(line) for line in lines[:-1]) > 9
    assert not any(line.startswith("。") for line in lines)


def test_arabic_runs_from_the_right_and_numbers_in_it_from_the_left() -> None:
    covered(ARABIC)
    block = set_in_box([Span(f"{ARABIC} 12:30 ok", INK)], typefaces_of_system(), 1000, 200, SIZES)
    (line,) = block.lines
    assert block.leftwards
    runs = [run.text.strip() for run in line.runs if run.text.strip()]
    assert runs[0] == "ok"
    assert "12:30" in runs[1]
    assert "".join(run.text for run in reversed(line.runs) if run.leftwards).strip() == ARABIC
    found = ink_box(block, 1000, 200)
    assert found is not None
    assert found[2] > 985
    if ImageFont.core.HAVE_RAQM:  # joined letters are narrower than single ones
        single = sum(
            set_in_box([Span(letter, INK)], typefaces_of_system(), 1000, 200, SIZES).width
            for letter in ARABIC.replace(" ", "")
        )
        joined = set_in_box([Span(ARABIC, INK)], typefaces_of_system(), 1000, 200, SIZES).width
        assert joined < single


def test_without_shaping_letters_still_stand_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    covered(ARABIC)
    monkeypatch.setattr(ImageFont.core, "HAVE_RAQM", False)
    fonts = Typefaces.of_system()
    block = set_in_box([Span(f"{ARABIC} (abc) 😀 {FAMILY}", INK)], fonts, 1000, 200, SIZES)
    assert block.leftwards
    assert ink_box(block, 1000, 200)
    assert share_picture((), ["ode"], ARABIC, FAMILY, typefaces=fonts)
