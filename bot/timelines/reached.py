"""How far an account's timeline was read. Only what lies outside of that is ever asked for again.

A timeline comes newest first, in stretches: the first one goes back as far as the platform does, each later one to
the newest post of the stretch before. A stretch may be interrupted, and goes on below its oldest post. What was
posted in the meantime is a stretch of its own, so that there is never more than one gap.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from bot.platforms import Account
from data.posts import Post


@dataclass(frozen=True)
class Reached:
    """The cursor's value. Posts are named by their ids, "" where there is none."""

    account: str  # the account's id: handles change hands
    newest: str = ""  # of all that was read
    oldest: str = ""  # of the stretch under way
    floor: str = ""  # where that stretch ends
    complete: bool = True  # no stretch is under way
    posts: int = 0  # read so far
    counted: int = 0  # posts that the platform counted when all of them were read last
    taken: int = 0  # posts that the import under way, or the last one, has read
    began: str = ""  # when that import did, ISO 8601
    digest: str = ""  # of what it has read

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def begin(self) -> Self:
        """A new import, unless one is under way: the row of an import outlasts interruptions."""
        if not self.complete:
            return self
        began = datetime.now(UTC).isoformat()
        return replace(self, complete=False, began=began, taken=0, digest=_NOTHING).above()

    def above(self) -> Self:
        """The stretch of what is newer than all that was read."""
        return replace(self, floor=self.newest, oldest="")

    def after(self, page: list[Post]) -> Self:
        """With one page more, newest first."""
        digest = self.digest
        for post in page:
            digest = hashlib.sha256(f"{digest}\n{post.id}\n{post.text}".encode()).hexdigest()
        return replace(
            self,
            newest=self.newest if self.oldest else page[0].id,
            oldest=page[-1].id,
            posts=self.posts + len(page),
            taken=self.taken + len(page),
            digest=digest,
        )

    def end(self, counted: int) -> Self:
        """With every stretch read, when the platform counts so many posts."""
        return replace(self, complete=True, oldest="", floor="", counted=counted)

    def left(self, account: Account, reach: int) -> int:
        """How many posts are still to be read of an account of whose timeline the platform gives out `reach`.

        By the platform's own count, which what was deleted since may put off.
        """
        fresh = min(reach, max(0, account.posts - self.counted))
        return fresh if self.complete else max(0, fresh - self.taken)


_NOTHING = hashlib.sha256(b"").hexdigest()
