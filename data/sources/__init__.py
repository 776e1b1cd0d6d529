"""Where posts come from: one entry a format, and the one way in. Formats are told by content, not by file name."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from data.errors import InputError
from data.posts import Post, normalise_handle, storable
from data.settings import ImportSettings
from data.sources.bluesky_car import BlueskyCar
from data.sources.discord_export import DiscordExport
from data.sources.discord_package import DiscordPackage
from data.sources.grailbird import Grailbird
from data.sources.json_lines import JsonLines
from data.sources.mastodon import Mastodon
from data.sources.reading import Reading, Source
from data.sources.tables import Tables
from data.sources.tree import Tree
from data.sources.x_archive import XArchive

__all__ = ["SOURCES", "Reading", "Source", "read_posts"]

# In the order in which they are tried.
SOURCES: dict[str, Source] = {
    "x-archive": XArchive(),
    "x-archive-2012": Grailbird(),
    "bluesky-car": BlueskyCar(),
    "mastodon": Mastodon(),
    "discord-package": DiscordPackage(),
    "discord-export": DiscordExport(),
    "json-lines": JsonLines(),
    "csv": Tables(),
}


def read_posts(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 # the command line's word for it
    handle: str | None = None,
    bounds: ImportSettings,
    progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Open a folder, zip, tar or file. The posts are read while `Reading.posts` is iterated, each id once.

    `format` is a key of SOURCES and overrides detection; `progress` is called with bytes read and bytes in all.
    Raises NotFoundError where there is nothing at `path`, and InputError, here or while iterating, where it can't
    be read, is hostile, or belongs to another account than `handle`.
    """
    wanted = normalise_handle(handle) if handle is not None else None
    tree = Tree(path, bounds)
    try:
        reading = _source(tree, format).read(tree, wanted)
    except BaseException:
        tree.close()
        raise
    if progress is not None:
        tree.watch = lambda: progress(min(tree.done, tree.total), tree.total)
    return replace(reading, posts=_checked(reading, bounds))


def _source(tree: Tree, key: str | None) -> Source:
    if key is not None:
        if key not in SOURCES:
            raise InputError(f"There is no format '{key}'; use one of {', '.join(SOURCES)}.")
        return SOURCES[key]
    head = tree.head(tree.single) if tree.single else b""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) > len(head) // 4:
        raise InputError(f"{tree.label} is not UTF-8 (it looks like UTF-16); save it again as UTF-8.")
    for source in SOURCES.values():
        if source.recognises(tree):
            return source
    raise InputError(_why_unknown(tree, head))


def _why_unknown(tree: Tree, head: bytes) -> str:
    if tree.single and not head.strip():
        return f"{tree.label} is empty."
    if any(name.endswith(".zip") and name != tree.single for name in tree.names):
        return f"{tree.label} holds zips among other things; unpack them first, or give one of them."
    return (
        f"{tree.label} is nothing Mynah can read posts from; give an archive downloaded from X, Bluesky, Mastodon "
        "or Discord, or one JSON or CSV file with a column 'text'."
    )


def _checked(reading: Reading, bounds: ImportSettings) -> Iterator[Post]:
    """Bounds their number, leaves out repeated ids, and drops what no database takes: NUL and halves of emoji."""
    seen: set[str] = set()
    with reading.tree:
        for post in reading.posts:
            if post.id in seen:
                reading.skipped["repeated"] += 1
                continue
            if len(seen) >= bounds.max_posts:
                raise InputError(
                    f"{reading.tree.label} holds more than {bounds.max_posts:,} posts; to take them all, "
                    "raise MYNAH_IMPORTS__MAX_POSTS."
                )
            seen.add(post.id)
            text = storable(post.text)
            yield post if text == post.text else structs.replace(post, text=text)
