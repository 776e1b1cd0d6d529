"""JSON files of DiscordChatExporter: a channel's messages by all who wrote there. Only one person's are taken."""

import re
from collections import Counter
from collections.abc import Iterator

from data.cleaning import NEUTRAL_MENTION
from data.errors import InputError
from data.posts import Post, normalise_handle
from data.sources.json_stream import as_object, entries, some_values
from data.sources.markup import text_from_discord, without_emoji
from data.sources.reading import Reading
from data.sources.times import parse_time
from data.sources.tree import Tree
from data.sources.x_tweets import digits

_LIST = "messages"
_BEGINNING = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"guild"\s*:\s*\{.*"channel"\s*:\s*\{', re.DOTALL)
_PRIVATE_TYPES = ("DirectTextChat", "DirectGroupTextChat")
_OWN_WORDS = ("Default", "Reply")
_LOOKED_AT = 20  # files, to tell whether a folder of any JSON is one of exports
_MOST_MENTIONS = 100  # in one message, which has 2,000 characters, or 4,000


class DiscordExport:
    """`data.sources.reading.Source` for DiscordChatExporter's JSON, one file or several."""

    name = "discord-export"

    def recognises(self, tree: Tree) -> bool:
        return any(_is_export(tree, name) for name in _candidates(tree)[:_LOOKED_AT])

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        files = [name for name in _candidates(tree) if _is_export(tree, name)]
        if not files:
            raise InputError(f"{tree.label} holds no JSON of DiscordChatExporter; export it again as JSON.")
        if wanted is None:
            raise InputError(f"{tree.label} holds messages by many people; choose one by --handle.")
        public = [name for name in files if not _is_private(tree, name)]
        if not public:
            raise InputError(
                f"{tree.label} is a private conversation, which Mynah doesn't read; give a channel of a server."
            )
        tree.expect(*public)
        skipped: Counter[str] = Counter()
        if len(public) < len(files):
            skipped["private conversations"] = len(files) - len(public)
        return Reading(wanted, self.name, _posts(tree, public, wanted, skipped), tree, skipped)


def _candidates(tree: Tree) -> list[str]:
    return [tree.single] if tree.single else sorted(name for name in tree.names if name.endswith(".json"))


def _is_export(tree: Tree, name: str) -> bool:
    return bool(_BEGINNING.match(tree.head(name)))


def _is_private(tree: Tree, name: str) -> bool:
    found = some_values(tree.peek(name), name, "guild", "channel")
    guild, channel = as_object(found.get("guild")), as_object(found.get("channel"))
    return guild.get("id") in (None, "", "0", 0) or channel.get("type") in _PRIVATE_TYPES


def _posts(tree: Tree, names: list[str], handle: str, skipped: Counter[str]) -> Iterator[Post]:
    others: set[str] = set()
    taken = 0
    for name in names:
        for message in entries(tree.open(name), name, _LIST):
            author = as_object(message.get("author"))
            written_by = _handle(author.get("name"))
            if written_by != handle or author.get("isBot"):
                skipped["other authors"] += 1
                if written_by and len(others) < 3:
                    others.add(written_by)
            elif message.get("type") not in _OWN_WORDS:
                skipped["not posts"] += 1
            elif (post := _post(message, handle)) is None:
                skipped["without text"] += 1
            else:
                taken += 1
                yield post
    if others and not taken:
        said = ", ".join(f"@{author}" for author in sorted(others))
        raise InputError(f"{tree.label} holds no messages by @{handle}, but by {said}; correct --handle.")


def _post(message: dict[str, object], handle: str) -> Post | None:
    message_id, content = digits(message.get("id")), message.get("content")
    text = _text(content, message) if isinstance(content, str) else ""
    if message_id is None or not text:
        return None
    return Post(
        id=message_id,
        handle=handle,
        text=text,
        created_at=parse_time(message.get("timestamp")),
        kind="reply" if message.get("type") == "Reply" else "post",
        reply_to_id=digits(as_object(message.get("reference")).get("messageId")),
    )


def _text(content: str, message: dict[str, object]) -> str:
    """The words. Mentions stand as the names people go by, which may have spaces; custom emoji as `:name:`."""
    names = {
        name
        for person in _objects(message.get("mentions"))[:_MOST_MENTIONS]
        for key in ("nickname", "name")
        if isinstance(name := person.get(key), str) and name
    }
    for name in sorted(names, key=len, reverse=True):
        content = content.replace(f"@{name}", NEUTRAL_MENTION)
    custom = {str(emoji.get("name")) for emoji in _objects(message.get("inlineEmojis")) if emoji.get("id")}
    return without_emoji(text_from_discord(content), custom).strip()


def _handle(name: object) -> str | None:
    try:
        return normalise_handle(name) if isinstance(name, str) and len(name) < 100 else None
    except InputError:
        return None


def _objects(value: object) -> list[dict[str, object]]:
    return [as_object(item) for item in value] if isinstance(value, list) else []
