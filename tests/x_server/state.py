"""The things of a small X: accounts and posts."""

import itertools
from dataclasses import dataclass

X_EPOCH = 1_288_834_974_657  # milliseconds; the first instant a snowflake can name
REPLY, QUOTE, REPOST = "replied_to", "quoted", "retweeted"
_counter = itertools.count()


def snowflake(moment: float) -> int:
    """A new identifier, unique in this process and dated at `moment` (seconds since 1970)."""
    return (int(moment * 1000) - X_EPOCH) << 22 | (next(_counter) & 0x3FFFFF)


@dataclass(eq=False)
class Account:
    """A person's or bot's account."""

    username: str
    id: int
    created_at: float
    name: str = ""
    description: str = ""
    protected: bool = False  # only followers see its posts, and the bot follows nobody
    suspended: bool = False

    @property
    def silent(self) -> bool:
        """Whether its posts are kept from the bot."""
        return self.protected or self.suspended


@dataclass(eq=False)
class Post:
    """A post as written; what it refers to are ids, which may have been deleted since."""

    id: int
    author: Account
    text: str  # with the names before it, which X puts there
    created_at: float
    references: tuple[tuple[str, int], ...] = ()  # (REPLY, QUOTE or REPOST; id)
    in_reply_to: Account | None = None
    conversation: int = 0
    names: str = ""  # of those whom an answer goes to, as X puts them before it
    earlier: tuple[int, ...] = ()  # versions before it was edited, oldest first
    summoned: bool = False  # a reply that the author of the answered post asked for

    def refers(self, kind: str) -> bool:
        return any(kind == reference for reference, _ in self.references)
