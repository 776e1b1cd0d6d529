"""The archive that Mastodon makes of an account: outbox.json with all that it said, and actor.json with its name.

Of its files only these two are opened; likes, bookmarks and pictures lie beside them. What was not said to
everyone is left out, and so is what the author put behind a warning: a voice would say it without one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from data.errors import InputError
from data.posts import Post, PostKind, language_code, normalise_handle
from data.sources.json_stream import as_object, entries, small_object
from data.sources.markup import text_from_html
from data.sources.reading import Reading
from data.sources.times import parse_time
from data.sources.tree import Tree

_LIST = "orderedItems"
_BEGINNING = re.compile(rf'"{_LIST}"\s*:\s*\[\s*[{{\]]')  # of likes.json too, but there no objects follow
_EVERYONE = {"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"}
# A poll is asked in words of the author's own; the answers to choose from are not part of its text.
_KINDS = ("Note", "Question", "Article")
_QUOTES = ("quote", "quoteUrl", "quoteUri", "_misskey_quote")
_LAST_PART = re.compile(r"/([A-Za-z0-9_-]{1,64})/?\Z")
_ACCOUNT_PATH = re.compile(r"/(?:users/|@)(\w[\w.-]*)")


class Mastodon:
    """`data.sources.reading.Source` for Mastodon and what exports as it does."""

    name = "mastodon"

    def recognises(self, tree: Tree) -> bool:
        return bool(_outboxes(tree))

    def read(self, tree: Tree, wanted: str | None) -> Reading:
        outboxes = _outboxes(tree)
        if not outboxes:
            raise InputError(
                f"{tree.label} holds no outbox.json of Mastodon; give the archive as you downloaded it."
            )
        if len(outboxes) > 1:
            raise InputError(f"{tree.label} holds the archives of several accounts; import them one by one.")
        outbox = outboxes[0]
        actor = _actor(tree, outbox)
        named = _account(actor.get("id"), actor.get("preferredUsername"))
        # Without actor.json the first thing said names the account, which proves nothing.
        said = named or _first_author(tree, outbox)
        if wanted and said and wanted not in {said, said.partition("@")[0]}:
            raise InputError(
                f"{tree.label} is the archive of @{said}, not of @{wanted}; leave --handle out or correct it."
            )
        handle = wanted or said
        if handle is None:
            raise InputError(
                f"{tree.label} doesn't say whose posts these are; add --handle with the account's name."
            )
        tree.expect(outbox)
        skipped: Counter[str] = Counter()
        posts = _posts(tree, outbox, actor.get("id"), handle, skipped)
        return Reading(handle, self.name, posts, tree, skipped, proven=handle == named)


def _outboxes(tree: Tree) -> list[str]:
    names = [name for name in tree.names if PurePosixPath(name).name == "outbox.json"]
    return [name for name in ([tree.single] if tree.single else names) if _is_outbox(tree.head(name))]


def _is_outbox(head: bytes) -> bool:
    text = head.decode("utf-8-sig", "replace")
    return text.lstrip().startswith("{") and '"OrderedCollection' in text and bool(_BEGINNING.search(text))


def _actor(tree: Tree, outbox: str) -> dict[str, object]:
    member = str(PurePosixPath(outbox).with_name("actor.json"))
    return small_object(tree.open(member), member) if member in tree.names else {}


def _first_author(tree: Tree, outbox: str) -> str | None:
    first = next(entries(tree.peek(outbox), outbox, _LIST), {})
    return _account(first.get("actor"), None)


def _account(address: object, name: object) -> str | None:
    """`ada@example.social`, by the address of an account and, where it is not part of that, its name."""
    if not isinstance(address, str) or len(address) > 300:
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None
    path = _ACCOUNT_PATH.fullmatch(parts.path)
    if not isinstance(name, str):
        name = path.group(1) if path else None
    try:
        return normalise_handle(f"{name}@{host}") if name and host and len(name) < 100 else None
    except InputError:
        return None


def _posts(tree: Tree, outbox: str, actor: object, handle: str, skipped: Counter[str]) -> Iterator[Post]:
    for activity in entries(tree.open(outbox), outbox, _LIST):
        note = as_object(activity.get("object"))
        if activity.get("type") == "Announce":
            skipped["boosts"] += 1
        elif activity.get("type") != "Create" or note.get("type") not in _KINDS:
            skipped["not posts"] += 1
        elif actor and (activity.get("actor", actor) != actor or note.get("attributedTo", actor) != actor):
            skipped["other authors"] += 1
        elif not _EVERYONE.intersection(_texts(note.get("to")) + _texts(note.get("cc"))):
            skipped["not public"] += 1
        elif note.get("summary"):
            skipped["behind a content warning"] += 1
        elif (post := _post(note, handle)) is None:
            skipped["without text"] += 1
        else:
            yield post


def _post(note: dict[str, object], handle: str) -> Post | None:
    language, source = next(iter(as_object(note.get("contentMap")).items()), (None, None))
    source = note.get("content") or source
    emoji = {name.strip(":") for tag in _objects(note.get("tag")) if (name := _emoji(tag))}
    text = text_from_html(source, emoji) if isinstance(source, str) else ""
    if not text:
        return None
    return Post(
        id=_post_id(note, text),
        handle=handle,
        text=text,
        created_at=parse_time(note.get("published")),
        kind=_kind(note),
        reply_to_id=_last_part(note.get("inReplyTo")),
        lang=language_code(language),
    )


def _kind(note: dict[str, object]) -> PostKind:
    if note.get("inReplyTo"):
        return "reply"
    return "quote" if any(note.get(key) for key in _QUOTES) else "post"


def _post_id(note: dict[str, object], text: str) -> str:
    """The number at the end of the post's address; some servers have words there, and others nothing that fits."""
    stated = note.get("id")
    said = f"{stated}\n{note.get('published')}\n{text}" if not isinstance(stated, str) else stated
    return _last_part(stated) or hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]


def _last_part(address: object) -> str | None:
    match = _LAST_PART.search(address) if isinstance(address, str) else None
    return match.group(1) if match else None


def _emoji(tag: dict[str, object]) -> str:
    name = tag.get("name")
    return name if tag.get("type") == "Emoji" and isinstance(name, str) else ""


def _objects(value: object) -> list[dict[str, object]]:
    return [as_object(item) for item in value] if isinstance(value, list) else [as_object(value)]


def _texts(value: object) -> list[str]:
    """A list of addresses, or a single one, as ActivityPub lets it be written."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
