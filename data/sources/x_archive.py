"""The archive that X lets people download since 2018: JavaScript files that assign lists to `window.YTD.….part0`.

Of all its files only those named below are ever opened; messages, addresses and contacts lie beside them.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from msgspec import UNSET

from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.json_stream import as_object, assigned_name, entries, shaped_entries, small_object
from data.sources.reading import Reading
from data.sources.tree import Tree
from data.sources.x_notes import Notes
from data.sources.x_tweets import ELEMENTS, Tweet, digits, post_from_tweet

# tweet.js until 2022, tweets.js since; large accounts get tweets-part1.js and so on.
_POSTS = re.compile(r"(?:tweets?|community-tweet)(?:-part(\d+))?\.js")
_NOTES = re.compile(r"note-tweet(?:-part(\d+))?\.js")
_MAX_EDITED = 50_000_000  # characters of all versions of edited posts, which are held in memory
_APIECE = 100  # characters, counted for each version besides its own: what holds it takes room too
_POSTS_NAME = re.compile(r"window\.YTD\.(?:tweets?|community_tweet)\.part\d+")


class XArchive:
    """`data.sources.reading.Source` for 2018 until today."""

    name = "x-archive"

    def recognises(self, tree: Tree) -> bool:
        return any(_holds_posts(tree, name) for name in _candidates(tree))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        candidates = _candidates(tree)
        folders = {PurePosixPath(name).parent for name in candidates if _holds_posts(tree, name)}
        if not folders:
            raise InputError(
                f"{tree.label} holds no tweets.js of X's archive; give the archive as you downloaded it."
            )
        members = [name for name in candidates if PurePosixPath(name).parent in folders]
        beside = [name for name in tree.names if PurePosixPath(name).parent in folders]
        notes = _sorted(beside, _NOTES)
        tree.expect(*notes, *members)
        skipped: Counter[str] = Counter()
        names = _account_names(tree, beside)
        handle = _owner(tree, beside, names, wanted)
        _count_missing_parts(tree, beside, skipped)
        posts = _posts(tree, members, notes, handle, skipped)
        return Reading(handle, self.name, posts, tree, skipped, proven=names == {handle})


def _candidates(tree: Tree) -> list[str]:
    return [tree.single] if tree.single else _sorted(tree.names, _POSTS)  # a single file may have any name


def _sorted(names: list[str], pattern: re.Pattern[str]) -> list[str]:
    """Members whose file name fits, parts in their order."""
    fitting = [(match, name) for name in names if (match := pattern.fullmatch(PurePosixPath(name).name))]
    return [name for match, name in sorted(fitting, key=lambda pair: (int(pair[0].group(1) or 0), pair[1]))]


def _holds_posts(tree: Tree, name: str) -> bool:
    head = tree.head(name)
    is_empty = not tree.single and not head.strip()  # of an archive's tweets.js, that is said when it is read
    return is_empty or bool(_POSTS_NAME.fullmatch(assigned_name(head) or ""))


def _posts(
    tree: Tree, members: list[str], note_members: list[str], handle: str, skipped: Counter[str]
) -> Iterator[Post]:
    notes = Notes((entry for name in note_members for entry in entries(tree.open(name), name)), skipped)
    edited: dict[str, Post] = {}  # the last version of each chain, by the first one's id
    characters = 0
    for name in members:
        for element in shaped_entries(tree.open(name), name, ELEMENTS):
            tweet = element.tweet or element
            if tweet.deleted_at is not UNSET:
                skipped["deleted"] += 1
                continue
            first = _first_version(tweet)
            post = post_from_tweet(tweet, handle, first)
            if post is None:
                skipped["without text"] += 1
            elif first is None:
                yield notes.join(post)
            else:
                characters += len(post.text) + _APIECE
                if characters > _MAX_EDITED:
                    raise InputError(
                        f"{tree.label} holds more edited posts than one person writes; it can't be read."
                    )
                if first in edited:
                    skipped["earlier versions of edited posts"] += 1
                edited[first] = max(edited.get(first, post), post, key=lambda version: int(version.id))
    for post in edited.values():
        yield notes.join(post)
    yield from notes.rest(handle)


def _first_version(tweet: Tweet) -> str | None:
    """The id of the post's first version if it was edited. Every version is an element of its own."""
    info = as_object(tweet.edit_info)
    edit = as_object(info.get("edit"))
    control = as_object(info.get("initial")) or as_object(edit.get("editControlInitial"))
    versions = control.get("editTweetIds")
    if not edit and isinstance(versions, list) and len(versions) == 1:  # as of nearly all
        return None
    ids = [whole for version in versions if (whole := digits(version))] if isinstance(versions, list) else []
    return digits(edit.get("initialTweetId")) or (min(ids, key=int) if len(ids) > 1 else None)


def _account_names(tree: Tree, beside: list[str]) -> set[str]:
    """Whose archive it says it is, by account.js or the manifest."""
    return {
        normalise_handle(name) for member in _named(beside, "account.js") if (name := _account_name(tree, member))
    } or {normalise_handle(name) for member in _named(beside, "manifest.js") if (name := _user_name(tree, member))}


def _owner(tree: Tree, beside: list[str], handles: set[str], wanted: str | None) -> str:
    """Whose posts these are. A former name may be asked for; a stranger's may not."""
    said = " and ".join(f"@{handle}" for handle in sorted(handles))
    if wanted and handles and wanted not in handles and wanted not in _former_names(tree, beside):
        raise InputError(
            f"{tree.label} is the archive of {said}, not of @{wanted}; leave --handle out or correct it."
        )
    if wanted:
        return wanted
    if len(handles) > 1:
        raise InputError(f"{tree.label} holds the archives of {said}; import them one by one.")
    if not handles:
        raise InputError(f"{tree.label} doesn't say whose posts these are; add --handle with the account's name.")
    return next(iter(handles))


def _named(names: list[str], file_name: str) -> list[str]:
    return [name for name in names if PurePosixPath(name).name == file_name]


def _account_name(tree: Tree, member: str) -> str:
    account = as_object(small_object(tree.open(member), member).get("account"))
    return _short_text(account.get("username"))


def _user_name(tree: Tree, member: str) -> str:
    return _short_text(as_object(small_object(tree.open(member), member).get("userInfo")).get("userName"))


def _former_names(tree: Tree, beside: list[str]) -> set[str]:
    names = set()
    for member in _named(beside, "screen-name-change.js"):
        for element in entries(tree.open(member), member):
            change = as_object(as_object(element.get("screenNameChange")).get("screenNameChange"))
            names.add(_short_text(change.get("changedFrom")).lower())
    return names


def _short_text(value: object) -> str:
    return value.strip() if isinstance(value, str) and len(value) < 100 else ""


def _count_missing_parts(tree: Tree, beside: list[str], skipped: Counter[str]) -> None:
    """The manifest names every part; one of several zips may have been left out."""
    here = {PurePosixPath(name).name for name in beside}
    for member in _named(beside, "manifest.js"):
        kinds = as_object(small_object(tree.open(member), member).get("dataTypes"))
        for kind in ("tweets", "tweet", "communityTweet", "noteTweet"):
            files = as_object(kinds.get(kind)).get("files")
            for file in files if isinstance(files, list) else []:
                name = PurePosixPath(_short_text(as_object(file).get("fileName"))).name
                if name and name not in here:
                    skipped["missing parts of the archive"] += 1
