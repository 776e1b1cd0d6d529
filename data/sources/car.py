"""The blocks of a CAR file, version 1: how the AT protocol packs a repository, its records and the tree over them.

Read block by block, because a repository holds every like of its owner too. (The SDK's own reader takes the whole
file into memory and checks no hash.) libipld decodes single blocks: it bounds depth and claimed lengths itself.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import libipld

from data.errors import InputError

NAME_BYTES = 36  # of a block's name
# A length of one or two bytes, then the map {"roots": …, "version": 1} in DAG-CBOR.
_HEADER = re.compile(rb"(?:[\x00-\x7f]|[\x80-\xff][\x00-\x7f])\xa2\x65roots", re.DOTALL)
# Version 1, DAG-CBOR or raw bytes, SHA-256: the only names that the protocol gives to blocks.
_NAME = re.compile(rb"\x01[\x71\x55]\x12\x20", re.DOTALL)
_DIGEST = slice(4, 36)
_MAX_BLOCK = 1 << 20  # bytes; the protocol allows 1,000,000 a record


def is_car(head: bytes) -> bool:
    """Whether a file's first bytes are those of a CAR."""
    return bool(_HEADER.match(head))


def blocks(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Each block's name (its CID, 36 bytes) and content. The stream is read to its end and closed.

    Raises InputError, with `name` in it, where the file is cut off, or a block is too large or fails its hash.
    """
    with stream:
        header = decoded(_section(stream, name, 0))
        if not isinstance(header, dict) or header.get("version") != 1:
            raise _damaged(name, 0)
        number = 0
        while section := _section(stream, name, number):
            block_name, content = section[:NAME_BYTES], section[NAME_BYTES:]
            if not _NAME.match(block_name) or hashlib.sha256(content).digest() != block_name[_DIGEST]:
                raise _damaged(name, number)
            number += 1
            yield block_name, content


def decoded(block: bytes) -> Any:
    """The value of a block of DAG-CBOR; None for what is none, or is nested deeper than any record."""
    try:
        return libipld.decode_dag_cbor(block)
    except (ValueError, RecursionError):
        return None


def _section(stream: BinaryIO, name: str, number: int) -> bytes:
    """The next length and as many bytes; none at the end of the file."""
    length, shift = 0, 0
    while byte := stream.read(1):
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
        if shift > 21:
            raise _damaged(name, number)
    if not shift:
        return b""
    if byte and not 0 < length <= _MAX_BLOCK + NAME_BYTES:
        raise _damaged(name, number)
    section = stream.read(length) if byte else b""
    if not byte or len(section) < length:
        raise InputError(f"{name} is cut off after block {number:,}; download or copy it again.")
    return section


def _damaged(name: str, number: int) -> InputError:
    return InputError(
        f"{name} is damaged, or no repository of Bluesky, after block {number:,}; download it again."
    )
