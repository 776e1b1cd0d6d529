"""Record keys: under which a purpose's one post stands, and what the keys of timelines say of time."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

POSTS = "app.bsky.feed.post"

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"  # of Bluesky's timestamp ids, in sorting order
_KEY = re.compile(f"[234567abcdefghij][{_DIGITS}]{{12}}")
_CLOCK_BITS = 10  # the lowest ones, which tell clocks apart; microseconds since 1970 are above
_AHEAD = timedelta(days=1)


def record_key(account: str, purpose: str, turn: int) -> str:
    """The key of what is published for a purpose; `turn` counts up where earlier ones were taken long ago.

    A timestamp id by its form, as posts must have, but drawn from the purpose: it is of a time between 2005 and
    2014, where no client's clock makes one, so that no other post of the account is ever in the way.
    """
    digest = hashlib.sha256(f"{account}\n{purpose}\n{turn}".encode()).digest()
    number = 1 << 60 | int.from_bytes(digest[:8]) >> 6
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def key_of(uri: str) -> str:
    """The last part of "at://did/collection/key"."""
    return uri.rpartition("/")[2]


def can_be_ordered(key: str) -> bool:
    """Whether a key is a timestamp id of the past; one of the future would come after all that is posted later."""
    if not _KEY.fullmatch(key):
        return False
    number = 0
    for digit in key:
        number = number << 5 | _DIGITS.index(digit)
    latest = datetime.now(UTC) + _AHEAD
    return number >> _CLOCK_BITS <= latest.timestamp() * 1_000_000


def order(key: str) -> tuple[int, str]:
    """What keys are sorted by, oldest first."""
    return len(key), key
