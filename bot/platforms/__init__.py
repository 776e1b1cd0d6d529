"""Platforms with public accounts, X and Bluesky, behind one seam: read timelines and mentions, publish posts.

Every call passes the governor (dry run, budget) and the platform's rate limits. What goes wrong is told as one of
the errors below, which say whether something may have happened; `str(error)` is a sentence for the operator.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from data.errors import MynahError
from data.posts import Post


class PlatformError(MynahError):
    """A call that did not go well."""


class NotDoneError(PlatformError):
    """Nothing happened there; it may be tried again after `seconds`."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class UnclearError(PlatformError):
    """It may have happened, or may still: the answer got lost, took too long, or was an error of the server's."""


class TurnedDownError(PlatformError):
    """The platform will not do this, now or later."""


class DuplicateError(TurnedDownError):
    """The platform says that this very text stands there already."""


class NoAccountError(PlatformError):
    """An account that can't be read: missing, suspended, protected; the sentence says which."""


@dataclass(frozen=True)
class Account:
    """An account as its platform tells of it."""

    id: str
    handle: str  # normalised
    name: str
    posts: int  # how many its platform counts, reposts and replies included


@dataclass(frozen=True)
class Summons:
    """A post by somebody else that names the bot's account in words of its own, or directly answers its post."""

    id: str
    original: str  # the id of its first version, whatever was edited since; `id` itself where nothing was
    author: str  # the id of who wrote it
    text: str  # as people read it: nothing escaped, links in full, the bot's own name taken out
    thread: str  # the id of the conversation
    created_at: datetime  # aware, UTC


@dataclass(frozen=True)
class Heard:
    """All that named or answered the account after a position, oldest first, and the position to go on from."""

    summons: tuple[Summons, ...]
    position: str  # the one that was given where there is nothing new


@dataclass(frozen=True)
class Page:
    """Some posts of a timeline, newest first. `older` leads to the page after it; empty on the last one."""

    posts: tuple[Post, ...]
    older: str


@dataclass(frozen=True)
class Quote:
    """What reading a timeline will cost."""

    posts: int  # that will be read, at most
    dollars: float
    saved: float  # dollars that were not spent, as so many posts are here already


class Platform(Protocol):
    """One platform and the bot's account there."""

    name: str  # one of data.posts.PLATFORMS
    longest: int  # of a post, as `length` measures

    def length(self, text: str) -> int:
        """As the platform counts."""
        ...

    def links(self, text: str) -> bool:
        """Whether the platform makes a link of something in it, be it only "tell.me"."""
        ...

    async def account(self) -> Account:
        """The bot's own, asked for once. Raises PlatformError, with what to do where the keys are not accepted."""
        ...

    async def publish(self, text: str, *, purpose: str, reply_to: str = "") -> str:
        """Post, or answer the post `reply_to`, and give the new post's id.

        `purpose` names what is published, for ever ("draft 12"): money is set aside under that name, and given
        back or booked by whoever learns what became of it, here or in `find`. Raises NotDoneError, UnclearError,
        TurnedDownError or DuplicateError, and RefusedError for a dry run or an exhausted budget.
        """
        ...

    async def find(self, text: str, *, purpose: str, since: datetime, reply_to: str = "") -> str | None:
        """Look whether it stands among the account's own posts of that time; gives its id, or None where not."""
        ...

    async def heard(self, position: str) -> Heard:
        """Who named or answered the account after a position; with an empty one nobody, but where to begin."""
        ...

    async def look_up(self, handle: str) -> Account:
        """Raises NoAccountError."""
        ...

    async def quote(self, account: Account, *, known: int) -> Quote:
        """What reading the account's timeline costs, of which so many posts are here already."""
        ...

    def timeline(self, account: Account, *, newer_than: str = "", older_than: str = "") -> AsyncIterator[Page]:
        """The account's posts between two post ids, newest first, as far back as the platform goes.

        Raises NoAccountError, and NotDoneError where a page is not to be had for now: going on later with
        `older_than` the last post of the page before costs nothing twice.
        """
        ...
