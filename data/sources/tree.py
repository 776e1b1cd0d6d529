"""A folder, zip, tar or single file, seen as names and bounded streams: only what is asked for is opened and read.

Sizes are checked while reading, because what a zip's directory claims can be a lie.
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

from data.errors import InputError
from data.settings import ImportSettings
from data.sources.members import DAMAGE, Member, find_members, is_packed, shown

_HEAD = 1 << 14  # bytes: more than any prefix or row of column names
_STEP = 1 << 18  # bytes read at once
_FREE = 1 << 20  # bytes a member may unpack to before its ratio counts: tiny files pack well


class Tree:
    """Close it, or use it as a context manager. What `open` gives is counted and hashed; `head` and `peek` not."""

    def __init__(self, path: Path, bounds: ImportSettings) -> None:
        """Raises NotFoundError and InputError as `find_members` does."""
        self.path = path
        self.bounds = bounds
        self.watch: Callable[[], None] = lambda: None  # called after each piece read
        self.done = 0  # bytes read
        self.total = 0  # bytes that will be read, by what the members claim
        self._hash = hashlib.sha256()
        self._resources = ExitStack()
        try:
            self._members = find_members(path, self._resources, bounds.max_ratio)
        except BaseException:
            self.close()
            raise
        # The file's name where it is a single file, and not a zip, a tar or a folder.
        self.single = next(iter(self._members)) if path.is_file() and not is_packed(path) else None

    def __enter__(self) -> "Tree":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._resources.close()

    @property
    def label(self) -> str:
        """What to call it in a sentence: its file name."""
        return shown(self.path.resolve())

    @property
    def names(self) -> list[str]:
        """Names of the files that may hold posts, with `/` between folders."""
        return list(self._members)

    @property
    def digest(self) -> str:
        """sha256, hex, of all bytes read through `open` so far, one member after the other."""
        return self._hash.hexdigest()

    def only(self, *suffixes: str) -> str | None:
        """The single file this is, or the only one in a folder or zip with such a suffix; None otherwise."""
        if self.single:
            return self.single
        found = [name for name in self._members if name.endswith(suffixes)]
        return found[0] if len(found) == 1 else None

    def expect(self, *names: str) -> None:
        """Say which members will be read, so that progress has a total."""
        self.total = sum(self._members[name].size for name in names)

    def head(self, name: str) -> bytes:
        """The first bytes of a member, at most 16 KiB, to see what it is."""
        with self.peek(name) as stream:
            return stream.read(_HEAD)

    def peek(self, name: str) -> BinaryIO:
        """A stream as `open` gives it, for a look before the reading: neither counted nor hashed."""
        return self._stream(name, lambda piece: None)

    def open(self, name: str) -> BinaryIO:
        """A buffered stream of a member. Reading raises InputError where it is damaged or exceeds the bounds."""
        return self._stream(name, self._count)

    def _stream(self, name: str, report: Callable[[bytes], None]) -> BinaryIO:
        return io.BufferedReader(_Bounded(self._members[name], self.bounds, self.label, report), _STEP)

    def _count(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.done += len(piece)
        self.watch()


class _Bounded(io.RawIOBase):
    """A member's bytes, with damage and excess turned into sentences."""

    def __init__(
        self, member: Member, bounds: ImportSettings, label: str, report: Callable[[bytes], None]
    ) -> None:
        self._member = member
        self._bounds = bounds
        self._where = member.name if member.name == label else f"{member.name} in {label}"
        self._report = report
        self._count = 0
        self._raw: IO[bytes] | None = None
        try:
            self._raw = member.open()
        except DAMAGE:
            raise self._damaged() from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview[int]") -> int:  # type: ignore[override]  # Buffer is 3.12's
        assert self._raw is not None
        try:
            piece = self._raw.read(len(buffer))
        except DAMAGE:
            raise self._damaged() from None
        self._count += len(piece)
        if self._count > self._bounds.max_member_mb << 20:
            raise InputError(
                f"{self._where} is larger than {self._bounds.max_member_mb:,} MB; if it is really yours, "
                "raise MYNAH_IMPORTS__MAX_MEMBER_MB."
            )
        packed = self._member.packed
        if packed is not None and self._count > max(_FREE, packed * self._bounds.max_ratio):
            raise InputError(
                f"{self._where} unpacks to more than {self._bounds.max_ratio} times its size, as zip bombs do; "
                "if it is really yours, unpack it and give the folder."
            )
        buffer[: len(piece)] = piece
        self._report(piece)
        return len(piece)

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()
        super().close()

    def _damaged(self) -> InputError:
        return InputError(f"{self._where} is damaged or cut off; download or copy it again.")
