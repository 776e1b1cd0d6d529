"""The names of things: DIDs of accounts, timestamp ids of records, CIDs of contents."""

import base64
import hashlib
import itertools
import json
from typing import Any

SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
_counter = itertools.count()


def did_of(handle: str) -> str:
    """An identity as the PLC directory gives them out."""
    digest = base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()
    return f"did:plc:{digest[:24]}"


def timestamp_id(moment: float) -> str:
    """A new record key of that moment (seconds since 1970), unlike any other of this process."""
    number = int(moment * 1_000_000) << 10 | next(_counter) & 1023
    return "".join(SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def content_id(content: Any) -> str:
    """The same for the same content. A real one hashes DAG-CBOR; nobody here can tell the difference."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return "b" + base64.b32encode(b"\x01\x71\x12\x20" + digest).decode().lower().rstrip("=")
