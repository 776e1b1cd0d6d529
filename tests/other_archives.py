"""Writes small archives as Mastodon, Discord and DiscordChatExporter make them. Every text here is made up.

`write_mastodon`, `write_discord_package` and `write_discord_export` make what people import; `tar_folder` packs
one as Mastodon long did.
"""

import csv
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.archives import Element, moment, snowflake

HOST = "https://kettles.example"
ACTOR = f"{HOST}/users/ada_example"
EVERYONE = "https://www.w3.org/ns/activitystreams#Public"
DISCORD_ID = "80351110224678912"


# --- Mastodon


def status_id(number: int) -> str:
    """Mastodon's ids are milliseconds, then 16 bits."""
    return str((int(moment(number).timestamp() * 1000) << 16) | number)


def note_activity(content: str, number: int = 0, **changes: Any) -> Element:
    """One post as outbox.json has it; `content` is HTML. `changes` replace or add fields of the post."""
    address = f"{ACTOR}/statuses/{status_id(number)}"
    to = changes.get("to", [EVERYONE])
    cc = changes.get("cc", [f"{ACTOR}/followers"])
    published = f"{moment(number):%Y-%m-%dT%H:%M:%S}Z"
    post = {
        "id": address,
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": published,
        "url": f"{HOST}/@ada_example/{status_id(number)}",
        "attributedTo": ACTOR,
        "to": to,
        "cc": cc,
        "sensitive": False,
        "content": content,
        "contentMap": {"en": content},
        "attachment": [],
        "tag": [],
        "replies": {"id": f"{address}/replies", "type": "Collection", "first": {"items": []}},
    } | changes
    return {
        "id": f"{address}/activity",
        "type": "Create",
        "actor": ACTOR,
        "published": published,
        "to": to,
        "cc": cc,
        "object": post,
        "signature": {"type": "RsaSignature2017", "signatureValue": "c2VjcmV0"},
    }


def boost(number: int = 0) -> Element:
    return {
        "id": f"{ACTOR}/statuses/{status_id(number)}/activity",
        "type": "Announce",
        "actor": ACTOR,
        "to": [EVERYONE],
        "object": "https://other.example/users/bo/statuses/1",
    }


def write_mastodon(
    folder: Path, posts: Sequence[str | Element] = ("<p>The kettle is on.</p>",), *, actor: bool = True
) -> Path:
    """An unpacked archive: outbox.json, actor.json, and beside them what must never be opened."""
    folder.mkdir(parents=True, exist_ok=True)
    items = [note_activity(post, number) if isinstance(post, str) else post for number, post in enumerate(posts)]
    outbox = {
        "@context": ["https://www.w3.org/ns/activitystreams", {"sensitive": "as:sensitive", "n": 12}],
        "id": "outbox.json",
        "type": "OrderedCollection",
        "totalItems": len(items),
        "orderedItems": items,
    }
    (folder / "outbox.json").write_text(json.dumps(outbox, ensure_ascii=False), encoding="utf-8")
    for name in ("likes", "bookmarks"):
        other = outbox | {"id": f"{name}.json", "orderedItems": ["https://other.example/users/bo/statuses/1"]}
        (folder / f"{name}.json").write_text(json.dumps(other), encoding="utf-8")
    if actor:
        who = {"@context": [], "id": ACTOR, "type": "Person", "preferredUsername": "ada_example", "name": "Ada"}
        (folder / "actor.json").write_text(json.dumps(who), encoding="utf-8")
    pictures = folder / "media_attachments" / "files" / "001"
    pictures.mkdir(parents=True, exist_ok=True)
    (pictures / "kettle.png").write_bytes(b"\x89PNG" + bytes(range(256)) * 8)
    return folder


def tar_folder(
    folder: Path, target: Path, *, top: str = "", mode: str = "w:gz", style: int = tarfile.USTAR_FORMAT
) -> Path:
    """All files of `folder` as a tar, pictures first as in Mastodon's, under `top` where one is named."""
    with tarfile.open(target, mode, format=style) as archive:  # type: ignore[call-overload]  # literals there
        for file in sorted(folder.rglob("*"), key=lambda file: (file.suffix == ".json", str(file))):
            name = str(file.relative_to(folder))
            archive.add(file, f"{top}/{name}" if top else name, recursive=False)
    return target


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """A plain tar of these files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, body in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return content.getvalue()


# --- Discord


def discord_id(at: datetime, sequence: int = 0) -> str:
    """The id that Discord gives to a message of that time."""
    return str(((int(at.timestamp() * 1000) - 1_420_070_400_000) << 22) | sequence)


def message(contents: str, number: int = 0, **changes: Any) -> Element:
    """One message as messages.json has it."""
    at = moment(number)
    return {
        "ID": int(discord_id(at, number)),
        "Timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
        "Contents": contents,
        "Attachments": "",
    } | changes


def channel(number: int, *, guild: str | None = "The Kettle Club", kind: object = "GUILD_TEXT") -> Element:
    """A channel.json; without `guild` a private conversation."""
    found: Element = {"id": str(9 * 10**17 + number), "type": kind}
    if guild is None:
        return found | {"type": "DM", "recipients": [DISCORD_ID, "80351110224678999"]}
    return found | {"name": f"room-{number}", "guild": {"id": "700000000000000000", "name": guild}}


def write_discord_package(
    folder: Path,
    channels: Sequence[tuple[Element, Sequence[str | Element]]] = ((channel(1), ["The kettle is on."]),),
    *,
    table: bool = False,
    folders: tuple[str, str] = ("Messages", "Account"),
    user: Mapping[str, object] | None = None,
) -> Path:
    """An unpacked package. `folders` are named in the person's language; `table` writes CSV, as before 2024."""
    messages, account = folder / folders[0], folder / folders[1]
    account.mkdir(parents=True, exist_ok=True)
    who = {"id": DISCORD_ID, "username": "ada_example", "discriminator": 0, "email": "secret@example.org"}
    relations = [{"id": str(n), "user": {"id": str(n), "username": f"friend_{n}"}} for n in range(3)]
    whole = dict(user if user is not None else who) | {"relationships": relations, "payments": []}
    (account / "user.json").write_text(json.dumps(whole), encoding="utf-8")
    for place, posts in channels:
        inside = messages / f"c{place['id']}"
        inside.mkdir(parents=True, exist_ok=True)
        (inside / "channel.json").write_text(json.dumps(place), encoding="utf-8")
        rows = [message(post, number) if isinstance(post, str) else post for number, post in enumerate(posts)]
        if table:
            with (inside / "messages.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ["ID", "Timestamp", "Contents", "Attachments"])
                writer.writeheader()
                writer.writerows({**row, "Timestamp": f"{row['Timestamp']}.726000+00:00"} for row in rows)
        else:
            (inside / "messages.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    index = {place["id"]: place.get("name") for place, _ in channels}
    (messages / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "README.txt").write_text("What is in this package.", encoding="utf-8")
    return folder


def exported(content: str, number: int = 0, name: str = "ada_example", **changes: Any) -> Element:
    """One message as DiscordChatExporter writes it."""
    author = {"id": snowflake(moment(number)), "name": name, "nickname": "Ada", "isBot": False, "roles": []}
    return {
        "id": discord_id(moment(number), number),
        "type": "Default",
        "timestamp": f"{moment(number):%Y-%m-%dT%H:%M:%S}.281+00:00",
        "timestampEdited": None,
        "isPinned": False,
        "content": content,
        "author": author,
        "attachments": [],
        "embeds": [],
        "mentions": [],
        "inlineEmojis": [],
    } | changes


def write_discord_export(
    path: Path, messages: Sequence[Element], *, guild: str = "700000000000000000", kind: str = "GuildTextChat"
) -> Path:
    """One channel's file."""
    whole = {
        "guild": {"id": guild, "name": "The Kettle Club", "iconUrl": "https://cdn.example/0.png"},
        "channel": {"id": "900000000000000001", "type": kind, "category": "Rooms", "name": "tea", "topic": None},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2026-11-01T12:00:00+00:00",
        "messages": list(messages),
        "messageCount": len(messages),
    }
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=2), encoding="utf-8-sig")
    return path
