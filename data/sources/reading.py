"""What every source of posts gives back, and the seam behind which a new source stands."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from data.posts import Post
from data.sources.tree import Tree


@dataclass
class Reading:
    """One import, opened but not yet read: the posts come as they are asked for, in the order of the files.

    Iterating `posts` may raise InputError at any point, so store them in one transaction.
    """

    handle: str
    format: str  # a key of data.sources.SOURCES
    posts: Iterator[Post]
    tree: Tree
    skipped: Counter[str] = field(default_factory=Counter)  # complete once `posts` is exhausted
    proven: bool = False  # the archive itself names this account, and no other, as its owner

    @property
    def digest(self) -> str:
        """sha256 (hex) of the bytes read so far: those of the file or members, once `posts` is exhausted."""
        return self.tree.digest


class Source(Protocol):
    """One format of posts. To add one, write these two methods and enter it in `data.sources.SOURCES`."""

    def recognises(self, tree: Tree) -> bool:
        """Whether this looks like the format, judged by the first bytes of the files that would be read."""
        ...

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        """Start reading. `wanted` is a normalised handle, or None to go by what the files say.

        Raises InputError where the files do not say whose posts these are, or say that they are someone else's.
        """
        ...
