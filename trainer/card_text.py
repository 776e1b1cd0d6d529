"""Strangers' words in a card: whatever they hold, they come out as text, and never as Markdown or HTML."""

import re
from urllib.parse import quote

from markupsafe import Markup

# What can't be seen: controls, marks that turn the direction of writing for all that follows, halves of emoji. The
# joiners within emoji and Persian words stay.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufffe\uffff]"
)
# What may be taken for more than text. An underscore inside a word is only that; a colon or an at sign makes a
# link or an emoji only of what it is glued to.
_MARKUP = re.compile(r"[&<>\"|\\`*\[\]#~$^{}]|:(?=\S)|(?<=\S)@|(?<=www)\.|(?<!\w)_++|_++(?!\w)", re.IGNORECASE)


def written(value: object) -> Markup:
    """The value as one line of text that reads the same in Markdown, in a table's cell, in HTML and in attributes.

    Markup stays as it is. Only the beginning of a line is not safe: `1. Me` would begin a list there.
    """
    if isinstance(value, Markup):
        return value
    text = visible(str(value))
    return Markup(_MARKUP.sub(lambda found: "".join(f"&#{ord(mark)};" for mark in found[0]), text))  # noqa: S704 - escaped here


def visible(text: str) -> str:
    """One line, without what can't be seen."""
    return " ".join(_UNSEEN.sub("", text).split())


def address(url: str) -> Markup:
    """The address as it may stand in a link of Markdown and in an attribute of HTML."""
    quoted = quote(visible(url), safe="/:?#@!&'*+,;=%~")
    return Markup(quoted.replace("&", "&amp;"))  # noqa: S704 - nothing is left that ends an attribute or a link
