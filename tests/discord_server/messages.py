"""Messages: their text, mentions, files and edits, what Discord refuses in them, and how they look on the wire."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import empty_message, invalid_form
from .state import Channel, Payload, User, now, snowflake

PLAIN, REPLY, COMMAND_ANSWER = 0, 19, 20  # message types
EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15  # message flags
LONGEST_CONTENT = 2000  # characters; Discord's documented limit for a message of a bot
MOST_EMBEDS, MOST_FILES = 10, 10
_MENTION = re.compile(r"<@!?(\d+)>")


@dataclass(eq=False)
class Attachment:
    """A file in a message; `origin` is the address of the server that keeps it."""

    filename: str
    data: bytes
    origin: str
    content_type: str = "application/octet-stream"
    id: int = field(default_factory=snowflake)

    def wire(self) -> Payload:
        url = f"{self.origin}/cdn/{self.id}/{self.filename}"
        size = {"size": len(self.data), "content_type": self.content_type}
        return {"id": str(self.id), "filename": self.filename, "url": url, "proxy_url": url, **size}


@dataclass(eq=False)
class Message:
    """One message; `edits` keeps every payload that changed it, oldest first."""

    channel: Channel
    author: User
    content: str = ""
    type: int = PLAIN
    flags: int = 0
    mentions: list[User] = field(default_factory=list)
    mention_everyone: bool = False
    embeds: list[Payload] = field(default_factory=list)
    components: list[Payload] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reply_to: "Message | None" = None
    nonce: str | None = None
    webhook_id: int | None = None
    application_id: int | None = None  # whose webhook it is, where an application made that
    interaction: Payload | None = None  # interaction_metadata of an answer to a command or a button
    id: int = field(default_factory=snowflake)
    sent_at: str = field(default_factory=now)
    arrived: float = field(default_factory=time.monotonic)  # seconds, to be compared with one another
    edited_at: str | None = None
    deleted: bool = False
    edits: list[Payload] = field(default_factory=list)

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        return bool(self.flags & LOADING)

    def readable_by(self, bot: User) -> bool:
        """Whether the bot gets the content without the message content intent: own, direct, or it is mentioned."""
        return self.author is bot or self.channel.guild is None or bot in self.mentions

    def wire(self, reader: User, *, all_content: bool) -> Payload:
        """The message as `reader` (the bot) gets it, emptied of what it may not read unless `all_content`."""
        shown = all_content or self.readable_by(reader) or self.interaction is not None
        rendered: Payload = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "author": self.author.wire(),
            "type": self.type,
            "flags": self.flags,
            "content": self.content if shown else "",
            "embeds": self.embeds if shown else [],
            "components": self.components if shown else [],
            "attachments": [file.wire() for file in self.attachments] if shown else [],
            "mentions": [self._mention(user) for user in self.mentions],
            "mention_roles": [],
            "mention_everyone": self.mention_everyone,
            "timestamp": self.sent_at,
            "edited_timestamp": self.edited_at,
            "tts": False,
            "pinned": False,
        }
        if self.nonce is not None:
            rendered["nonce"] = self.nonce
        if self.webhook_id is not None:
            rendered["webhook_id"] = str(self.webhook_id)
        if self.application_id is not None:
            rendered["application_id"] = str(self.application_id)
        if self.interaction is not None:
            rendered |= {"interaction_metadata": self.interaction, "application_id": str(self.author.id)}
        if self.channel.guild is not None:
            rendered["guild_id"] = str(self.channel.guild.id)
            member = self.channel.guild.members.get(self.author.id)
            if member is not None:
                rendered["member"] = member.wire(with_user=False)
        if self.reply_to is not None:
            rendered["message_reference"] = self._reference(self.reply_to)
            gone = self.reply_to.deleted
            rendered["referenced_message"] = None if gone else self._quoted(self.reply_to, reader, all_content)
        return rendered

    def _mention(self, user: User) -> Payload:
        member = self.channel.guild.members.get(user.id) if self.channel.guild else None
        return user.wire() | ({"member": member.wire(with_user=False)} if member else {})

    def _reference(self, original: "Message") -> Payload:
        guild = {"guild_id": str(self.channel.guild.id)} if self.channel.guild else {}
        return {"type": 0, "message_id": str(original.id), "channel_id": str(original.channel.id), **guild}

    @staticmethod
    def _quoted(original: "Message", reader: User, all_content: bool) -> Payload:
        # Discord quotes one level only: the quoted message names what it answered, but does not carry it.
        quoted = original.wire(reader, all_content=all_content)
        quoted.pop("referenced_message", None)
        return quoted

    def change(self, payload: Payload, files: list[Attachment], users: Mapping[int, User]) -> None:
        """Applies an edit: absent keys stay, `attachments` lists what is kept.

        Raises:
            ApiError: the result is empty or too long.
        """
        kept = self.attachments
        if "attachments" in payload:
            named = {str(item["id"]) for item in payload["attachments"] or []}
            kept = [file for file in self.attachments if str(file.id) in named]
        current: Payload = {"content": self.content, "embeds": self.embeds, "components": self.components}
        check(current | payload, files=len(kept) + len(files))
        self.attachments = kept + files
        if "content" in payload:
            self.content = payload["content"] or ""
            self.mentions, self.mention_everyone = mentioned(self.content, payload, users, self.reply_to)
        if "embeds" in payload:
            self.embeds = payload["embeds"] or []
        if "components" in payload:
            self.components = numbered(payload["components"] or [])
        self.flags = self.flags & ~LOADING | payload.get("flags", 0) & COMPONENTS_V2
        self.edited_at = now()
        self.edits.append(payload)


def mentioned(
    content: str, payload: Payload, users: Mapping[int, User], reply_to: Message | None
) -> tuple[list[User], bool]:
    """Whom a text pings, and whether it pings everyone, after `allowed_mentions` has had its say."""
    allowed = payload.get("allowed_mentions")
    named = [users[int(key)] for key in _MENTION.findall(content) if int(key) in users]
    everyone = "@everyone" in content or "@here" in content
    pings_author = reply_to is not None
    if allowed is not None:
        kinds, listed = allowed.get("parse", []), {str(key) for key in allowed.get("users", [])}
        named = [user for user in named if "users" in kinds or str(user.id) in listed]
        everyone = everyone and "everyone" in kinds
        pings_author = pings_author and bool(allowed.get("replied_user"))
    if pings_author and reply_to is not None and reply_to.webhook_id is None:
        named.append(reply_to.author)
    return list(dict.fromkeys(named)), everyone


def check(payload: Payload, files: int = 0) -> None:
    """Refuses what Discord refuses in a message.

    Raises:
        ApiError: 50006 for an empty message, 50035 for one over the limits.
    """
    content = payload.get("content") or ""
    if len(content) > LONGEST_CONTENT:
        raise invalid_form(f"content: Must be {LONGEST_CONTENT} or fewer in length.")
    if len(payload.get("embeds") or []) > MOST_EMBEDS or files > MOST_FILES:
        raise invalid_form(f"Must be {MOST_EMBEDS} or fewer in length.")
    if not (content or files or payload.get("embeds") or payload.get("components")):
        raise empty_message()
    if payload.get("flags", 0) & COMPONENTS_V2 and (content or payload.get("embeds")):
        raise invalid_form("content and embeds cannot be used with the components v2 flag.")


def numbered(components: list[Payload]) -> list[Payload]:
    """The components with the `id` that Discord gives to each that came without one."""
    for number, component in enumerate(walk(components), start=1):
        component.setdefault("id", number)
    return components


def walk(components: list[Payload]) -> list[Payload]:
    """Every component of a message or modal, in reading order."""
    found: list[Payload] = []
    for component in components:
        inner: list[Any] = [*component.get("components", [])]
        inner += [component[key] for key in ("component", "accessory") if key in component]
        found += [component, *walk(inner)]
    return found
