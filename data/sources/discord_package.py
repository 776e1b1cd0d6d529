"""The package that Discord makes of a person's data: a folder for each channel, with their own messages only.

Names of folders are in the person's language, so they are told by what lies in them. Channels without a server are
private conversations; their messages are never opened. Of user.json no more is read than the name.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath

from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.columns import plain
from data.sources.json_stream import as_object, entries, small_object, some_values
from data.sources.markup import text_from_discord
from data.sources.reading import Reading
from data.sources.tables import table_rows
from data.sources.times import parse_time
from data.sources.tree import Tree
from data.sources.x_tweets import digits

# messages/c123456789012345678/channel.json; without the c until the end of 2021.
_CHANNEL = re.compile(r"(?:.*/)?c?\d{16,32}/channel\.json")
_MESSAGES = ("messages.json", "messages.csv")  # since and until March 2024
_USER = re.compile(r"(?:[^/]+/){0,3}user\.json")
_PRIVATE_TYPES = {"1", "3", "DM", "GROUP_DM"}
_FIRST_MILLISECOND = 1_420_070_400_000  # of 2015: Discord's ids count from it, above 22 bits


class DiscordPackage:
    """`data.sources.reading.Source` for the package of "Request all of my data"."""

    name = "discord-package"

    def recognises(self, tree: Tree) -> bool:
        return bool(_channels(tree))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        channels = _channels(tree)
        if not channels:
            raise InputError(
                f"{tree.label} holds no messages as Discord packs them; give the package as you downloaded it."
            )
        said = _owner(tree)
        if said and wanted and said != wanted:
            raise InputError(
                f"{tree.label} is the package of @{said}, not of @{wanted}; leave --handle out or correct it."
            )
        handle = wanted or said
        if handle is None:
            raise InputError(
                f"{tree.label} doesn't say whose messages these are; add --handle with the account's name."
            )
        public = [messages for channel, messages in channels.items() if not _is_private(tree, channel)]
        if not public:
            raise InputError(
                f"{tree.label} holds private conversations only, which Mynah doesn't read; give a package with "
                "messages on servers."
            )
        tree.expect(*public)
        skipped: Counter[str] = Counter()
        if len(public) < len(channels):
            skipped["private conversations"] = len(channels) - len(public)
        return Reading(handle, self.name, _posts(tree, public, handle, skipped), tree, skipped, proven=bool(said))


def _channels(tree: Tree) -> dict[str, str]:
    """The files of messages, by the channel.json beside each."""
    names = set(tree.names)
    channels = {}
    for channel in sorted(filter(_CHANNEL.fullmatch, names)):
        beside = [str(PurePosixPath(channel).with_name(name)) for name in _MESSAGES]
        if found := next((name for name in beside if name in names), None):
            channels[channel] = found
    return channels


def _is_private(tree: Tree, member: str) -> bool:
    channel = small_object(tree.open(member), member)
    return not as_object(channel.get("guild")) or str(channel.get("type")) in _PRIVATE_TYPES


def _owner(tree: Tree) -> str | None:
    handles = set()
    for member in filter(_USER.fullmatch, tree.names):
        if b'"username"' in tree.head(member):
            name = some_values(tree.open(member), member, "id", "username").get("username")
            try:
                handles.add(normalise_handle(name if isinstance(name, str) and len(name) < 100 else ""))
            except InputError:  # until 2023 any characters made a name
                continue
    if len(handles) > 1:
        raise InputError(f"{tree.label} holds the packages of several accounts; import them one by one.")
    return handles.pop() if handles else None


def _posts(tree: Tree, members: list[str], handle: str, skipped: Counter[str]) -> Iterator[Post]:
    for member in members:
        for message in _messages(tree, member):
            message_id, contents = digits(message.get("id")), message.get("contents")
            text = text_from_discord(contents) if isinstance(contents, str) else ""
            if message_id is None or not text:
                skipped["without text"] += 1
            else:
                yield Post(message_id, handle, text, _time_of(message_id, message.get("timestamp")))


def _messages(tree: Tree, member: str) -> Iterator[Mapping[str, object]]:
    """By plain column name: ID, Timestamp and Contents in both kinds of file."""
    if member.endswith(".csv"):
        yield from table_rows(tree, member)
    else:
        for message in entries(tree.open(member), member):
            yield {plain(key): value for key, value in message.items()}


def _time_of(message_id: str, stated: object) -> datetime | None:
    said = parse_time(stated)
    return said or parse_time(str((int(message_id) >> 22) + _FIRST_MILLISECOND))
