"""Writes repositories as Bluesky exports them: CAR files with a commit, a tree and records. All is made up."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import libipld

from tests.archives import Element, moment

DID = "did:plc:adaexample234567abcdefgh"


def tid(number: int) -> str:
    """A record key, as of a post of `moment(number)`: microseconds and a clock, 13 characters that sort."""
    value = (int(moment(number).timestamp() * 1_000_000) << 10) | (number % 1024)
    return "".join("234567abcdefghijklmnopqrstuvwxyz"[value >> shift & 31] for shift in range(60, -1, -5))


def record(text: str, number: int = 0, **changes: Any) -> Element:
    """One record of a post. `changes` replace or add fields."""
    return {
        "$type": "app.bsky.feed.post",
        "text": text,
        "langs": ["en"],
        "createdAt": f"{moment(number):%Y-%m-%dT%H:%M:%S}.123Z",
    } | changes


def facet(text: str, shown: str, feature: Mapping[str, object]) -> Element:
    """Where `shown` stands in `text`, counted in bytes as Bluesky counts, and what it is."""
    start = text.encode().index(shown.encode())
    return {"index": {"byteStart": start, "byteEnd": start + len(shown.encode())}, "features": [dict(feature)]}


def link(uri: str) -> Element:
    return {"$type": "app.bsky.richtext.facet#link", "uri": uri}


def at_uri(number: int, did: str = DID) -> str:
    return f"at://{did}/app.bsky.feed.post/{tid(number)}"


def block_name(block: bytes) -> bytes:
    """A block's CID: version 1, DAG-CBOR, SHA-256."""
    return b"\x01\x71\x12\x20" + hashlib.sha256(block).digest()


def section(block: bytes, name: bytes | None = None) -> bytes:
    """A block as it lies in a CAR: the length of all as a varint, its name, its content."""
    content = (block_name(block) if name is None else name) + block
    length, prefix = len(content), b""
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length]) + content


def car_header(version: int = 1, root: bytes = b"") -> bytes:
    header = libipld.encode_dag_cbor({"roots": [root or block_name(b"")], "version": version})
    return bytes([len(header)]) + header


def repository(records: Mapping[str, Element]) -> list[bytes]:
    """All blocks of a repository with these records by path: the commit, the tree's nodes, the records."""
    blocks = {path: libipld.encode_dag_cbor(record) for path, record in records.items()}
    nodes: list[bytes] = []
    entries = sorted((path.encode(), block_name(block)) for path, block in blocks.items())
    root = _tree(entries, max((_layer(key) for key, _ in entries), default=0), nodes)
    commit = {"did": DID, "version": 3, "data": root, "rev": tid(0), "prev": None, "sig": b"\x01" * 64}
    return [libipld.encode_dag_cbor(commit), *nodes, *blocks.values()]


def _layer(key: bytes) -> int:
    """How far up a key stands in the tree: pairs of zero bits at the start of its hash."""
    return (256 - int.from_bytes(hashlib.sha256(key).digest(), "big").bit_length()) // 2


def _tree(entries: list[tuple[bytes, bytes]], layer: int, nodes: list[bytes]) -> bytes:
    """Adds the node over these entries, and those under it, to `nodes`; returns its name."""
    here: list[Element] = []
    left, waiting, before = None, list[tuple[bytes, bytes]](), b""

    def under() -> bytes | None:
        return _tree(waiting, layer - 1, nodes) if waiting else None

    for key, value in entries:
        if _layer(key) < layer:
            waiting.append((key, value))
            continue
        if here:
            here[-1]["t"] = under()
        else:
            left = under()
        shared = next((i for i, (a, b) in enumerate(zip(before, key, strict=False)) if a != b), len(before))
        here.append({"p": shared, "k": key[shared:], "v": value, "t": None})
        before, waiting = key, []
    if here:
        here[-1]["t"] = under()
    else:
        left = under()
    nodes.append(libipld.encode_dag_cbor({"l": left, "e": here}))
    return block_name(nodes[-1])


def write_car(
    path: Path,
    posts: Sequence[str | Element] = ("The kettle is on.",),
    others: Mapping[str, Element] | None = None,
) -> Path:
    """A repository with these posts, one a minute, and what else is in one: a profile, likes, a repost."""
    records = {
        f"app.bsky.feed.post/{tid(number)}": record(post, number) if isinstance(post, str) else post
        for number, post in enumerate(posts)
    }
    for number in range(len(posts)):
        subject = {"uri": at_uri(number, "did:plc:somebodyelse234567abcdef"), "cid": "bafyreiexample"}
        like = {"$type": "app.bsky.feed.like", "subject": subject, "createdAt": f"{moment(number):%FT%T}Z"}
        records[f"app.bsky.feed.like/{tid(number)}"] = like
    records["app.bsky.feed.repost/" + tid(1)] = {"$type": "app.bsky.feed.repost", "subject": {"uri": at_uri(7)}}
    records["app.bsky.actor.profile/self"] = {"$type": "app.bsky.actor.profile", "displayName": "Ada"}
    blocks = repository(records | dict(others or {}))
    path.write_bytes(car_header(root=block_name(blocks[0])) + b"".join(map(section, blocks)))
    return path
