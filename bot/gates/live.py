"""What would come alive on a platform: mentions, links, cashtags, Discord's markup, characters that hide them."""

import re
import unicodedata

from bot.gates.reason import Reason
from data.cleaning import HIDDEN, LINK

_AT_LOOK_ALIKE = re.compile("[\ufe6b\uff20]")  # small and fullwidth @, which some clients fold to the real one
_EVERYONE = re.compile(r"@(?:everyone|here)\b", re.IGNORECASE)
_MENTION = re.compile(r"@\w")
_CASHTAG = re.compile(r"(?<![\w$])\$[a-z]{1,6}(?:[._][a-z]{1,2})?(?![a-z0-9])", re.IGNORECASE)
# <@1> <@!1> <@&1> <#1> <:emoji:1> <a:emoji:1> <t:1:R> </command:1> <id:customize>
_MARKUP = re.compile(r"<(?:@[!&]?|#)\d+>|<a?:\w+:\d+>|<t:-?\d+(?::\w)?>|</[^<>]+:\d+>|<id:\w+>", re.IGNORECASE)
_IDEOGRAPHIC_DOT = re.compile(r"(?<=[A-Za-z0-9])\u3002(?=[A-Za-z0-9])")  # browsers read it as a dot


def find_live(text: str) -> Reason | None:
    """The first thing in a text that must not be said live, by reason; None for a harmless text."""
    if HIDDEN.search(text) or _AT_LOOK_ALIKE.search(text):
        return Reason.HIDDEN_CHARACTERS
    # A platform may fold a text before it looks for mentions or only look at it as it is, so both are checked.
    versions = {text, _fold(text)}
    for pattern, reason in (
        (_EVERYONE, Reason.EVERYONE),
        (_MARKUP, Reason.MARKUP),
        (_MENTION, Reason.LIVE_MENTION),
        (LINK, Reason.LINK),
        (_CASHTAG, Reason.CASHTAG),
    ):
        if any(pattern.search(version) for version in versions):
            return reason
    if any("http" in version.lower() or "://" in version for version in versions):
        return Reason.LINK
    return None


def _fold(text: str) -> str:
    """Full-width and styled letters as plain ones, without accents and variation selectors."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(character for character in plain if unicodedata.category(character) not in ("Mn", "Me"))
    return _IDEOGRAPHIC_DOT.sub(".", plain)
