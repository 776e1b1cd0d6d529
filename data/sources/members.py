"""Finding the files that may hold posts: in a folder, zip or tar, or beside a single file, without reading any.

Whoever made the files is not trusted: names that lead elsewhere, links and oversized directories are refused here.
"""

import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from data.errors import InputError, NotFoundError
from data.sources.tars import Tar, is_tar

_SUFFIXES = (".js", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".car", ".zip")
# What lies beside a lone tweets.js, 2013_06.js or outbox.json and says whose it is; all else is left alone.
_BESIDE = ("account.js", "screen-name-change.js", "note-tweet.js", "user_details.js", "actor.json")
_NOT_ENTERED = {"assets", "media_attachments", "__MACOSX"}
_MAX_ENTRIES = 250_000  # files looked at in a folder; media and viewer folders are not entered
_MAX_DEPTH = 6  # twitter-2016/twitter-2016/data/js/tweets/2013_06.js
_MAX_DIRECTORY_BYTES = 32 << 20  # of a zip's list of contents: about 300,000 files, 200 MB in memory
_MAX_NAMES = 32 << 20  # bytes that the names in a tar take in memory
# Everything zipfile and its decompressor raise on damaged input; RuntimeError includes NotImplementedError.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    ArithmeticError,
    LookupError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file that may be read. `size` is what its directory claims; `packed` is what it takes in its zip."""

    name: str
    size: int  # bytes
    packed: int | None  # bytes, None outside zips
    open: Callable[[], IO[bytes]]


def find_members(path: Path, resources: ExitStack, max_ratio: int) -> dict[str, Member]:
    """The files under `path` that have a known suffix, by name; a single file comes first, whatever its suffix.

    A folder that holds nothing but zips is read as the parts of one archive. `resources` closes what stays open;
    a tar that unpacks to more than `max_ratio` times its size is refused.
    Raises NotFoundError where there is nothing, InputError where it can't be read or tries to trick the reader.
    """
    try:
        if path.is_dir():
            members = _in_folder(path.resolve())
            if members and all(name.endswith(".zip") for name in members):
                parts = [_in_zip(path / name, f"{name}/", resources) for name in sorted(members)]
                return {name: member for part in parts for name, member in part.items()}
            return members
        if not path.exists():
            raise NotFoundError(f"There is no file or folder {shown(path)}.")
        if not path.is_file():
            raise InputError(f"{shown(path)} is neither a file nor a folder.")
        if is_zip(path):
            return _in_zip(path, "", resources)
        return _in_tar(path, max_ratio) if is_tar(path) else _beside_file(path)
    except OSError as error:
        raise InputError(f"{shown(path)} can't be read: {error.strerror or 'the disk failed'}.") from None


def is_packed(path: Path) -> bool:
    """Whether a file holds others, as zips and tars do, be it whole or not."""
    return is_zip(path) or is_tar(path)


def is_zip(path: Path) -> bool:
    """Whether a file begins as zips do, be it whole or not."""
    with path.open("rb") as file:
        return file.read(4) in {b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"}


def shown(path: Path) -> str:
    """A file's name that is safe to print."""
    return path.name if path.name.isprintable() else ascii(path.name)


def _on_disk(name: str, path: Path, size: int) -> Member:
    return Member(name, size, None, lambda: path.open("rb"))


def _beside_file(path: Path) -> dict[str, Member]:
    siblings = [path.with_name(name) for name in _BESIDE if name != path.name]
    found = [path, *(sibling for sibling in siblings if sibling.is_file() and not sibling.is_symlink())]
    return {shown(file): _on_disk(shown(file), file, file.stat().st_size) for file in found}


def _in_folder(root: Path) -> dict[str, Member]:
    members: dict[str, Member] = {}
    waiting = [(root, "")]
    entries = 0
    while waiting:
        folder, prefix = waiting.pop()
        with os.scandir(folder) as listing:
            for entry in listing:
                entries += 1
                if entries > _MAX_ENTRIES:
                    raise InputError(
                        f"{shown(root)} holds more than {_MAX_ENTRIES:,} files; give the archive's own folder."
                    )
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name.count("/") < _MAX_DEPTH and _is_worth_entering(entry.name):
                        waiting.append((Path(entry.path), f"{name}/"))
                elif _is_worth_listing(entry.name):
                    target = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                    if not target.startswith(f"{root}{os.sep}"):
                        members[name] = Member(name, 0, None, _refusal(name))
                    elif stat.S_ISREG((status := os.lstat(target)).st_mode):
                        members[name] = _on_disk(name, Path(target), status.st_size)
    return members


def _refusal(name: str) -> Callable[[], IO[bytes]]:
    def refuse() -> IO[bytes]:
        raise InputError(f"{name} is a link that leads out of the folder; put the file itself there.")

    return refuse


def _is_worth_entering(name: str) -> bool:
    return not (name.startswith(".") or name.endswith("_media") or name in _NOT_ENTERED)


def _is_worth_listing(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".") and name.isprintable()


def _in_zip(path: Path, prefix: str, resources: ExitStack) -> dict[str, Member]:
    if _directory_bytes(path) > _MAX_DIRECTORY_BYTES:
        raise _too_many_files(path)
    try:
        archive = resources.enter_context(zipfile.ZipFile(path))
    except DAMAGE:
        raise InputError(f"{shown(path)} is a damaged or cut-off zip; download it again.") from None
    whole = path.stat().st_size
    members = {}
    for entry in archive.infolist():
        if name := _safe_name(path, entry.filename, is_link=stat.S_ISLNK(entry.external_attr >> 16)):
            # What the directory says a member takes can't be more than the whole zip.
            packed = min(entry.compress_size, whole)
            members[prefix + name] = Member(
                prefix + name, entry.file_size, packed, _unpacking(archive, entry, path)
            )
    return members


def _in_tar(path: Path, max_ratio: int) -> dict[str, Member]:
    tar = Tar(path, shown(path), max_ratio)
    members: dict[str, Member] = {}
    taken = 0
    try:
        for entry in tar.entries():
            if name := _safe_name(path, entry.name.removeprefix("./"), is_link=entry.is_link):
                taken += sys.getsizeof(name)
                if taken > _MAX_NAMES:
                    raise _too_many_files(path)
                members[name] = Member(name, entry.size, None, partial(tar.open, entry))
    except DAMAGE:
        raise InputError(
            f"{shown(path)} is a damaged or cut-off tar archive, or none; download it again, or unpack it first."
        ) from None
    return members


def _too_many_files(path: Path) -> InputError:
    return InputError(f"{shown(path)} lists far more files than an archive of posts has; unpack it first.")


def _safe_name(path: Path, name: str, *, is_link: bool) -> str | None:
    """The name of a file in an archive where it is worth listing. Raises InputError where it leads elsewhere."""
    name = name.replace("\\", "/")
    *folders, last = name.split("/")
    if is_link or name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in folders or last == "..":
        raise InputError(
            f"{shown(path)} holds {ascii(name)[:80]}, which leads out of it; no platform makes such an archive."
        )
    is_wanted = name.isprintable() and _is_worth_listing(last) and all(map(_is_worth_entering, folders))
    return name if is_wanted else None


def _unpacking(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> Callable[[], IO[bytes]]:
    def unpack() -> IO[bytes]:
        if entry.flag_bits & 0x1:
            raise InputError(f"{shown(path)} is encrypted; unpack it with its password and give the folder.")
        # The other methods may take gigabytes to unpack a few bytes.
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise InputError(f"{shown(path)} is packed in an unusual way; unpack it and give the folder.")
        return archive.open(entry)

    return unpack


def _directory_bytes(path: Path) -> int:
    """Size of a zip's list of contents, which zipfile reads in one piece; by its end record, APPNOTE 4.3.14-16."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 22 - 20 - 56))
        tail = file.read()
    is_plain = tail[-22:-18] == b"PK\x05\x06" and tail[-2:] == b"\0\0"  # no comment after it
    end = len(tail) - 22 if is_plain else tail.rfind(b"PK\x05\x06")
    if end < 0:
        return 0
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\x06\x07":  # the end record of zips above 4 GiB
        return int.from_bytes(tail[end - 36 : end - 28], "little")
    return int.from_bytes(tail[end + 12 : end + 16], "little")
