"""The fonts of this machine, and which of them draws which character.

They are told apart by their files' names, which takes no time; a font is opened once it is needed. Pillow's own,
plain Latin, is there whatever else is missing.
"""

import contextlib
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, Self

from PIL import Image, ImageDraw, ImageFont

from bot.picture.coverage import Coverage
from bot.picture.shapes import Colour
from bot.picture.words import clusters

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)
SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
LISTING_SECONDS = 10.0  # fontconfig may have to build its cache first

# How a name starts, the best first. Noto comes first because its parts, one for each script, match.
_FAMILIES = (
    "notosans-", "notosanscjk", "notosans", "inter", "opensans", "roboto", "segoeui", "helvetica", "arial",
    "liberationsans", "dejavusans",
)  # fmt: skip
_ODD = re.compile(
    "mono|serif|condensed|narrow|italic|oblique|light|thin|black|extra|semi|medium|math|kufi|nastaliq|looped|display"
)
_EMOJI_FILE = re.compile("emoji|seguiemj")
_EMOJI_SIZES = (109, 160, 128, 136, 96)  # pixels at which such fonts hold their bitmaps
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d\ufe0e\ufe0f"))


class Typeface(Protocol):
    """What text can be drawn with. Sizes and places are in pixels; places are of the start of the baseline."""

    def covers(self, cluster: str) -> bool: ...

    def length(self, text: str, size: int, leftwards: bool) -> float: ...

    def reach(self, text: str, size: int, leftwards: bool) -> tuple[float, float]:
        """How far its ink goes above and below the baseline."""

    def draw(
        self, image: Image.Image, place: tuple[float, float], text: str, ink: Colour, size: int, leftwards: bool
    ) -> None: ...


class Letters:
    """A font of outlines, drawn in one colour."""

    def __init__(self, path: Path | None) -> None:
        """`path` is None for Pillow's own."""
        self._path = path
        self._han = path is not None and "cjk" in path.stem.lower()
        self._coverage: Coverage | None = None
        self._font = lru_cache(maxsize=8)(self._open)

    def covers(self, cluster: str) -> bool:
        if self._coverage is None:
            self._coverage = Coverage.of_file(self._path) if self._path else _bundled_coverage()
        return self._coverage.covers(cluster.translate(_JOINERS))

    def length(self, text: str, size: int, leftwards: bool) -> float:
        font, text, shaping = self._shaped(text, size, leftwards)
        return font.getlength(text, **shaping)

    def reach(self, text: str, size: int, leftwards: bool) -> tuple[float, float]:
        font, text, shaping = self._shaped(text, size, leftwards)
        _, top, _, bottom = font.getbbox(text, anchor="ls", **shaping)
        return max(0.0, -top), max(0.0, bottom)

    def draw(
        self, image: Image.Image, place: tuple[float, float], text: str, ink: Colour, size: int, leftwards: bool
    ) -> None:
        font, text, shaping = self._shaped(text, size, leftwards)
        ImageDraw.Draw(image).text(place, text, ink, font, anchor="ls", **shaping)

    def opens(self) -> bool:
        try:
            self._font(16)
        except OSError:
            return False
        return True

    def _open(self, size: int) -> ImageFont.FreeTypeFont:
        if self._path is None:
            font = ImageFont.load_default(size)
            assert isinstance(font, ImageFont.FreeTypeFont)  # where a size is given
            return font
        return ImageFont.truetype(self._path, size)

    def _shaped(self, text: str, size: int, leftwards: bool) -> tuple[ImageFont.FreeTypeFont, str, dict[str, Any]]:
        """The font, the text and how Pillow is to shape it; where it can't, letters stand in the right order."""
        font = self._font(size)
        if not _shapes(font):
            text = text.translate(_JOINERS)
            return font, "".join(reversed(clusters(text.translate(_MIRRORED)))) if leftwards else text, {}
        shaping = {"direction": "rtl" if leftwards else "ltr"}
        return font, text, shaping | ({"language": _language(text)} if self._han else {})


class Emoji:
    """A font of pictures in colours, which come in one size."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where Pillow can't draw with it."""
        self._coverage = Coverage.of_file(path)
        self._font, self._size = _open_at_any_size(path)
        self._picture = lru_cache(maxsize=128)(self._draw)
        if not self._picture("\N{GRINNING FACE}").getbbox():  # outlines in layers, which come out empty
            raise OSError(f"{path} has no bitmaps")

    def covers(self, cluster: str) -> bool:
        return self._coverage.covers(cluster.translate(_JOINERS))

    def length(self, text: str, size: int, leftwards: bool) -> float:
        return sum(self._picture(cluster).width for cluster in clusters(text)) * self._scale(size)

    def reach(self, text: str, size: int, leftwards: bool) -> tuple[float, float]:
        ascent, descent = self._font.getmetrics()
        return ascent * self._scale(size), descent * self._scale(size)

    def draw(
        self, image: Image.Image, place: tuple[float, float], text: str, ink: Colour, size: int, leftwards: bool
    ) -> None:
        x, baseline = place
        scale = self._scale(size)
        found = clusters(text)
        for cluster in reversed(found) if leftwards else found:
            picture = self._picture(cluster)
            small = picture.resize(
                (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
                Image.Resampling.LANCZOS,
            )
            image.paste(small, (round(x), round(baseline - self._font.getmetrics()[0] * scale)), small)
            x += picture.width * scale

    def _scale(self, size: int) -> float:
        return size / self._size

    def _draw(self, cluster: str) -> Image.Image:
        if not _shapes(self._font):
            cluster = cluster.translate(_JOINERS)
        ascent, descent = self._font.getmetrics()
        width = max(1, round(self._font.getlength(cluster)))
        picture = Image.new("RGBA", (width, ascent + descent))
        ImageDraw.Draw(picture).text((0, ascent), cluster, "black", self._font, anchor="ls", embedded_color=True)
        return picture


class Typefaces:
    """What a machine can draw text with."""

    def __init__(self, files: Iterable[Path]) -> None:
        files = list(files)
        self._plain, self._bold = ([*map(Letters, _by_rank(files, bold)), Letters(None)] for bold in (False, True))
        self._emoji_files = sorted(path for path in files if _EMOJI_FILE.search(path.stem.lower()))
        self._find = lru_cache(maxsize=4096)(self._search)
        self._find_emoji = lru_cache(maxsize=1)(self._open_emoji)

    @classmethod
    def in_folders(cls, folders: Iterable[Path]) -> Self:
        return cls(path for folder in folders for path in _files_in(folder))

    @classmethod
    def of_system(cls) -> Self:
        """Those that fontconfig lists, or else those in the usual folders."""
        return cls(_listed() or [path for folder in FOLDERS for path in _files_in(folder)])

    def letters(self, cluster: str, *, bold: bool) -> Typeface | None:
        """What draws the cluster whole; None where nothing does."""
        return self._find(cluster, bold)

    def emoji(self) -> Typeface | None:
        return self._find_emoji()

    def _search(self, cluster: str, bold: bool) -> Typeface | None:
        faces = self._bold if bold else self._plain
        return next((face for face in faces if face.covers(cluster) and face.opens()), None)

    def _open_emoji(self) -> Typeface | None:
        for path in self._emoji_files:
            with contextlib.suppress(OSError):
                return Emoji(path)
        return None


def _shapes(font: ImageFont.FreeTypeFont) -> bool:
    """Whether letters are joined and emoji merged as their scripts want it, which takes libfribidi."""
    return font.layout_engine == ImageFont.Layout.RAQM


@lru_cache(maxsize=1)
def typefaces_of_system() -> Typefaces:
    """Those of this machine, looked for once."""
    return Typefaces.of_system()


def _listed() -> list[Path]:
    """What fontconfig knows; nothing where it is not installed."""
    command = shutil.which("fc-list")
    if command is None:
        return []
    try:
        listing = subprocess.run(  # noqa: S603 - no part of the command comes from outside
            [command, "--format", "%{file}\\n"],
            capture_output=True,
            text=True,
            check=True,
            timeout=LISTING_SECONDS,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return []
    return [path for path in sorted({Path(line) for line in listing.split("\n") if line}) if _is_font(path)]


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if _is_font(path))


def _is_font(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _by_rank(files: Iterable[Path], bold: bool) -> list[Path]:
    """Fonts for text, the most fitting first."""

    def rank(path: Path) -> tuple[bool, int, bool, int, str]:
        name = path.stem.lower().replace(" ", "").replace("_", "")
        families = [place for place, family in enumerate(_FAMILIES) if name.startswith(family)]
        family = min(families, default=len(_FAMILIES) + ("sans" not in name))
        return bool(_ODD.search(name)), family, ("bold" in name) != bold, len(name), str(path)

    return sorted((path for path in files if not _EMOJI_FILE.search(path.stem.lower())), key=rank)


def _open_at_any_size(path: Path) -> tuple[ImageFont.FreeTypeFont, int]:
    for size in _EMOJI_SIZES:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(path, size), size
    raise OSError(f"{path} can't be opened at any size")


def _bundled_coverage() -> Coverage:
    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert isinstance(font.path, BytesIO)  # Pillow holds it in its own code
    return Coverage.of_font(font.path.getvalue())


def _language(text: str) -> str:
    """Whose shapes of the Han letters are meant: the same code points look different in Japan."""
    scripts = {unicodedata.name(character, "").split(" ")[0] for character in text}
    if scripts & {"HIRAGANA", "KATAKANA"}:
        return "ja"
    return "ko" if "HANGUL" in scripts else "zh-Hans"
