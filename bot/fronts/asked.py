"""What people ask of the bot where they name it: by `as @handle` at the start they choose who answers."""

import re
from dataclasses import dataclass

_AT = re.compile(r"(?<!\w)@\u200b?(?=\w)")
_HANDLE = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}"
_AS = re.compile(rf"as\s+(@{_HANDLE}(?:\s*\+\s*@?{_HANDLE}){{0,4}})[\s,:]*", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to be answered, and by which voice, empty where they named none."""

    text: str
    voice: str

    @classmethod
    def from_text(cls, text: str) -> "Asked":
        """`"as @x + @y What of the fog, @z?"` -> `Asked("What of the fog, z?", "x+y")`; the bot's own name is
        not in `text` any more.
        """
        text = " ".join(text.split())
        if wish := _AS.match(text):
            voice = re.sub(r"[@\s]", "", wish[1]).rstrip(".-")  # as in "as @x."
            return cls(_AT.sub("", text[wish.end() :]), voice)
        return cls(_AT.sub("", text), "")
