"""How the neutral mention that voices learn in place of real names is spoken: as a word that calls nobody."""

import re

from data.cleaning import NEUTRAL_MENTION

SPOKEN_NAME = "someone"

_NEUTRAL = rf"(?<![A-Za-z0-9_@]){NEUTRAL_MENTION}(?![A-Za-z0-9_])"
_LEADING = re.compile(rf"\A(?:{_NEUTRAL}(?:[\s:,]+|\Z))+")
_DOT_BEFORE = re.compile(rf"(?<!\S)\.(?={NEUTRAL_MENTION}(?![A-Za-z0-9_]))")
_IN_A_ROW = re.compile(rf"{_NEUTRAL}(?:[\s,]+{_NEUTRAL})*")


def speak_mentions(text: str, name: str = SPOKEN_NAME) -> str:
    """`"@user thanks to @user @user"` -> `"thanks to someone"`.

    Leading ones go, the others become `name`, a row of them once.
    """
    text = _DOT_BEFORE.sub("", _LEADING.sub("", text))
    return _IN_A_ROW.sub(lambda _: name, text)
