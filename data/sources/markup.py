"""What platforms wrap around words: Mastodon's HTML, Discord's marks and shortened links, made into plain text.

Posts come from strangers, so each takes time in proportion to its length. (html.parser was measured and rejected:
it took 76 seconds for 100 kB of "<a <a <a".)
"""

import html
import re
from collections.abc import Collection

from data.cleaning import NEUTRAL_MENTION

_TAG = re.compile(r'<(/?)([A-Za-z][A-Za-z0-9]*+)((?:[^<>"]++|"[^"<]*+")*+)>|<[!?][^<>]*+>')
_ATTRIBUTE = re.compile(r'(?<![\w-])(class|href)\s*=\s*"([^"]*)"', re.IGNORECASE)
_BLOCKS = {"p", "ul", "ol", "blockquote", "pre", "div", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"br", "li"}
_UNSEEN = {"script", "style"}
_QUOTING = {"p", "span", "div"}
_SHORT_CODE = re.compile(r":([A-Za-z0-9_]{2,100}):")
# More digits than any character has; html.unescape fails on 4,301 of them.
_NO_CHARACTER = re.compile(r"&#[0-9]{100,};?")
_WEB = re.compile(r"https?://\S{1,4000}", re.IGNORECASE)

_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTATION = re.compile(r"^[ \t]*(?:>>> .*\Z|> [^\n]*$)", re.MULTILINE | re.DOTALL)
_PERSON_OR_ROLE = re.compile(r"<@[!&]?\d{1,25}>")
_COMMAND = re.compile(r"<(/[^:<>\n]{1,100}):\d{1,25}>")
# Channels, guides, custom emoji, sounds and times: nothing but numbers anywhere else.
_NUMBERED = re.compile(r"<(?:#\d{1,25}|id:\w{1,20}|a?:\w{1,64}:\d{1,25}|sound:[\d:]{1,60}|t:-?\d{1,20}(?::\w)?)>")
_MASKED_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(<?https?://[^\s()<>]{1,2000}>?\)")
_QUIET_LINK = re.compile(r"<(https?://[^\s<>]{1,2000})>")


def whole_link(shown: str, uri: object) -> str:
    """The address that a link leads to where it is shown shortened ("example.org/a-lo…"); else the words shown.

    Cleaning takes whole addresses out, and would leave a rest of what it can't tell for one. Words that carry a
    link are the author's own and stay.
    """
    if not (isinstance(uri, str) and _WEB.fullmatch(uri)):
        return shown
    visible = shown.strip().rstrip(".…").casefold()
    return uri if "." in visible and visible in uri.casefold() else shown


def text_from_html(source: str, emoji: Collection[str] = ()) -> str:
    """The words of a Mastodon post: paragraphs apart by an empty line, links whole, no quotation of a quoted post.

    Custom `emoji`, given by their names, are dropped: elsewhere they are but a word between colons.
    """
    page = _Page()
    source = source.replace("\n", " ")
    at = 0
    for tag in _TAG.finditer(source):
        page.add(unescaped(source[at : tag.start()]))
        page.step(tag[2] or "", tag[3] or "", closes=bool(tag[1]))
        at = tag.end()
    page.add(unescaped(source[at:]))
    text = "\n".join(line.strip() for line in page.text().split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text)
    return without_emoji(text, emoji).strip()


def unescaped(source: str) -> str:
    """The text with its HTML entities as characters, whatever number they name."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", source))


def without_emoji(text: str, names: Collection[str]) -> str:
    """The text without custom emoji of these names, written `:name:`."""
    return _SHORT_CODE.sub(lambda code: "" if code[1] in names else code[0], text) if names else text


class _Page:
    """Text as it grows from tag to tag."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._unseen = ""  # the element that is left out, with all in it
        self._depth = 0  # of that element in itself
        self._link = ""  # where the link that is open leads
        self._link_start = 0  # the first of its pieces

    def add(self, text: str) -> None:
        if not self._unseen:
            self._pieces.append(text)

    def text(self) -> str:
        """All of it, once the last tag has been seen."""
        self._end_link()
        return "".join(self._pieces)

    def step(self, element: str, attributes: str, *, closes: bool) -> None:
        """Go on over a tag; a comment has no element."""
        element = element.lower()
        if self._unseen:
            if element == self._unseen:
                self._depth += -1 if closes else 1
            if not self._depth:
                self._unseen = ""
            return
        if element == "a":
            self._end_link()
        if element in _BLOCKS:
            self.add("\n\n")
        elif element in _LINES and not (closes and element == "li"):
            self.add("\n")
        if element and not closes:
            self._open(element, {name.lower(): value for name, value in _ATTRIBUTE.findall(attributes)})

    def _open(self, element: str, values: dict[str, str]) -> None:
        classes = values.get("class", "").split()
        # Behind a quotation Mastodon writes "RE: link", for programs that don't show what was quoted.
        if element in _UNSEEN or (element in _QUOTING and "quote-inline" in classes):
            self._unseen, self._depth = element, 1
        elif element == "a" and not {"mention", "hashtag"}.intersection(classes):
            self._link, self._link_start = unescaped(values.get("href", "")), len(self._pieces)

    def _end_link(self) -> None:
        if self._link:
            # Mastodon hides the beginning and the end of an address by a style only, so both stand here.
            shown = "".join(self._pieces[self._link_start :])
            self._pieces[self._link_start :] = [whole_link(shown, self._link)]
            self._link = ""


def text_from_discord(source: str) -> str:
    """The words of a Discord message: persons as `@user`, no code, quotations, custom emoji, channels or times."""
    text = _QUOTATION.sub("", _CODE_BLOCK.sub("", source))
    text = _NUMBERED.sub("", _PERSON_OR_ROLE.sub(NEUTRAL_MENTION, text))
    text = _QUIET_LINK.sub(r"\1", _MASKED_LINK.sub(r"\1", _COMMAND.sub(r"\1", text)))
    return text.replace("||", "").strip()
