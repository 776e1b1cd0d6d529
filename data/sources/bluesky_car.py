"""A repository of Bluesky: the CAR file with all of an account's records that com.atproto.sync.getRepo gives.

Posts lie in it as blocks without their ids, which stand in the nodes of a tree, anywhere in the file. So the file
is read twice: for the ids, then for the posts.
"""

import re
from collections import Counter
from collections.abc import Iterator

import libipld

from data.errors import InputError
from data.posts import Post
from data.sources.bluesky_records import COLLECTION, post_from_record
from data.sources.car import NAME_BYTES, blocks, decoded, is_car
from data.sources.json_stream import as_object
from data.sources.reading import Reading
from data.sources.tree import Tree

# How these begin or what they hold in DAG-CBOR, whose maps are sorted: nothing else, such as likes, is decoded.
_NODE = b"\xa2\x61e"  # {"e": …, "l": …}
_POST = b"\x65$type" + bytes([0x60 + len(COLLECTION)]) + COLLECTION.encode()
_KEY = re.compile(rb"app\.bsky\.feed\.post/([A-Za-z0-9._:~-]{1,100})")


class BlueskyCar:
    """`data.sources.reading.Source` for Bluesky's repositories."""

    name = "bluesky-car"

    def recognises(self, tree: Tree) -> bool:
        name = tree.only(".car")
        return name is not None and is_car(tree.head(name))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        name = tree.only(".car")
        if name is None:
            raise InputError(f"{tree.label} doesn't hold exactly one CAR file; give the file itself.")
        if wanted is None:
            raise InputError(
                f"{tree.label} names its owner by a number (a DID) only; add --handle with the account's name."
            )
        tree.expect(name)
        skipped: Counter[str] = Counter()
        return Reading(wanted, self.name, _posts(tree, name, wanted, skipped), tree, skipped)


def _posts(tree: Tree, name: str, handle: str, skipped: Counter[str]) -> Iterator[Post]:
    keys = _record_keys(tree, name)
    for block_name, block in blocks(tree.open(name), name):
        if _POST not in block:
            continue
        record = as_object(decoded(block))
        if not record:
            skipped["unreadable"] += 1
        elif record.get("$type") == COLLECTION:
            post_id = keys.get(block_name) or libipld.encode_cid(block_name)  # damaged tree: the block's own name
            post = post_from_record(record, post_id, handle)
            if post is None:
                skipped["without text"] += 1
            else:
                yield post


def _record_keys(tree: Tree, name: str) -> dict[bytes, str]:
    """The posts' ids by their blocks' names, as many as may be imported."""
    keys: dict[bytes, str] = {}
    for _, block in blocks(tree.peek(name), name):
        if block.startswith(_NODE):
            for key, block_name in _entries(as_object(decoded(block))):
                # What is longer names no block, and would be kept in memory.
                if len(block_name) == NAME_BYTES and (match := _KEY.fullmatch(key)):
                    keys[block_name] = match.group(1).decode()
            if len(keys) > tree.bounds.max_posts:
                break  # reading the posts will say so
    return keys


def _entries(node: dict[str, object]) -> Iterator[tuple[bytes, bytes]]:
    """The keys and blocks that a node names. A key leaves out what it shares with the one before it."""
    before = b""
    entries = node.get("e")
    for entry in map(as_object, entries if isinstance(entries, list) else ()):
        shared, rest, block_name = entry.get("p"), entry.get("k"), entry.get("v")
        if not (isinstance(shared, int) and isinstance(rest, bytes) and isinstance(block_name, bytes)):
            return
        if not 0 <= shared <= len(before) <= 1024:
            return
        before = before[:shared] + rest
        yield before, block_name
