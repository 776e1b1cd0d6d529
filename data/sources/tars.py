"""Tar archives, plain or gzipped, read from front to back: what lies in them and where, and one file's bytes.

A tar has no list of contents, so it is gone through once to find the files, and again for each that is read, up to
its place; nothing is unpacked to the disk. (tarfile would load a header extension of any size that one claims.)
"""

import gzip
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from data.errors import InputError

_GZIP = b"\x1f\x8b"
_BLOCK = 512  # bytes; everything in a tar is a multiple of it
_STEP = 1 << 18  # bytes passed over at once
_FREE = 16 << 20  # bytes unpacked before the ratio counts
_MAX_HEADERS = 250_000  # files, folders and long names
_PASSES = 20  # times the whole archive may be read for its files, each from the front; and if it is small,
_FREE_READING = 4 << 30  # bytes
_MAX_EXTENSION = 1 << 16  # bytes of a long name, or of the PAX records of one file
_MAX_RECORDS = 64  # in one extension; tar programs write ten or so
_MAX_EXTENSIONS_AT_ONCE = 8  # before one file; tar programs write two or three
_MAX_NAME = 4096  # bytes, as any system's path
# "27 path=some/where/else.txt\n", the length being that of the whole record, in bytes
_RECORD_START = re.compile(rb"([1-9][0-9]{0,4}) ([^=\n]+)=")
_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
_LINKS = {tarfile.LNKTYPE, tarfile.SYMTYPE}
_WITHOUT_DATA = {*_LINKS, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE}
_EXTENSIONS = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME}


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One file or link of a tar; `offset` is where its `size` bytes begin, unpacked."""

    name: str
    offset: int
    size: int
    is_link: bool


def is_tar(path: Path) -> bool:
    """Whether a file begins as tars and gzips do."""
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    return head[257:262] == b"ustar" or head.startswith(_GZIP)


class Tar:
    """A tar on the disk. What unpacks to more than `max_ratio` times its size is refused while it is read.

    Both methods, and the stream that `open` gives, raise InputError for that, and for damage what
    `data.sources.members.DAMAGE` lists.
    """

    def __init__(self, path: Path, label: str, max_ratio: int) -> None:
        """`label` is what to call it in a sentence."""
        self._path = path
        self._label = label
        self._max_ratio = max_ratio
        self._size = 0  # bytes, unpacked, as far as entries() has come
        self._read = 0  # bytes, by open()

    def entries(self) -> Iterator[TarEntry]:
        """The files and links in it, in their order."""
        extended: dict[str, str] = {}  # what the next header can't hold itself
        extensions = 0  # before the next file
        with self._from_start() as stream:
            for _ in range(_MAX_HEADERS):
                header = _header(stream)
                if header is None:
                    stream.skip_rest()  # the checksum of a gzip stands at its end
                    return
                if header.type in _EXTENSIONS:
                    extensions += 1
                    if extensions > _MAX_EXTENSIONS_AT_ONCE:
                        raise ValueError("far too many header extensions")
                    extended |= _extension(stream, header)
                    continue
                size = 0 if header.type in _WITHOUT_DATA else int(extended.get("size", header.size))
                if size < 0:
                    raise ValueError("a negative size")
                if header.type in _FILES or header.type in _LINKS:
                    yield TarEntry(extended.get("path", header.name), stream.at, size, header.type in _LINKS)
                stream.skip(_padded(size))
                self._size = stream.at
                extended.clear()
                extensions = 0
        raise InputError(f"{self._label} holds more than {_MAX_HEADERS:,} files; unpack it and give the folder.")

    def open(self, entry: TarEntry) -> IO[bytes]:
        """The bytes of one file."""
        self._read += entry.offset + entry.size
        if self._read > max(_FREE_READING, _PASSES * self._size):
            raise InputError(f"{self._label} holds too many files for a tar; unpack it and give the folder.")
        stream = self._from_start()
        try:
            stream.skip(entry.offset)
        except BaseException:
            stream.close()
            raise
        return io.BufferedReader(_Part(stream, entry.size), _STEP)

    def _from_start(self) -> "_Unpacked":
        return _Unpacked(self._path, max(_FREE, self._path.stat().st_size * self._max_ratio), self._refusal())

    def _refusal(self) -> InputError:
        return InputError(
            f"{self._label} unpacks to more than {self._max_ratio} times its size, as bombs do; "
            "if it is really yours, unpack it and give the folder."
        )


class _Unpacked:
    """The archive from its first byte on, `most` bytes of it at most."""

    def __init__(self, path: Path, most: int, refusal: InputError) -> None:
        self.at = 0  # bytes read or passed over
        self._most = most
        self._refusal = refusal
        self._raw = path.open("rb")
        is_gzip = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        self._file = gzip.GzipFile(fileobj=self._raw) if is_gzip else self._raw

    def __enter__(self) -> "_Unpacked":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def read(self, count: int) -> bytes:
        """So many bytes, or none at the very end. Raises EOFError where it ends in between."""
        piece = self._file.read(count)
        self._count(piece)
        if 0 < len(piece) < count:
            raise EOFError
        return piece

    def skip_rest(self) -> None:
        """Pass over all that is left."""
        while piece := self._file.read(_STEP):
            self._count(piece)

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        while count > 0:
            step = min(count, _STEP)
            if not self.read(step):
                raise EOFError
            count -= step

    def _count(self, piece: bytes) -> None:
        self.at += len(piece)
        if self.at > self._most:
            raise self._refusal


class _Part(io.RawIOBase):
    """The next `size` bytes of an archive."""

    def __init__(self, stream: _Unpacked, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview[int]") -> int:  # type: ignore[override]  # Buffer is 3.12's
        count = min(len(buffer), self._left)
        piece = self._stream.read(count) if count else b""
        if len(piece) < count:
            raise EOFError
        self._left -= count
        buffer[:count] = piece
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _header(stream: _Unpacked) -> tarfile.TarInfo | None:
    """The next header; None at the end of the archive."""
    block = stream.read(_BLOCK)
    if not any(block):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise ValueError("no tar header") from None


def _extension(stream: _Unpacked, header: tarfile.TarInfo) -> dict[str, str]:
    """The name and the size that a header extension gives to the file after it."""
    if not 0 <= header.size <= _MAX_EXTENSION:
        raise ValueError("a header extension that is far too long")
    content = stream.read(_padded(header.size))[: header.size]
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": _name(content.rstrip(b"\0"))}
    found: dict[str, str] = {}
    at = 0
    for _ in range(_MAX_RECORDS):
        if at == len(content):
            return found
        start = _RECORD_START.match(content, at)
        end = at + int(start[1]) if start else 0
        if not start or end > len(content) or end <= start.end() or content[end - 1] != ord("\n"):
            raise ValueError("no PAX record")
        value = content[start.end() : end - 1]
        if start[2] == b"path":
            found["path"] = _name(value)
        elif start[2] == b"size":
            found["size"] = value.decode("ascii")
        at = end
    raise ValueError("far too many PAX records")


def _name(stated: bytes) -> str:
    if len(stated) > _MAX_NAME:
        raise ValueError("a name that is far too long")
    return stated.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
