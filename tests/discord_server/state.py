"""What this small Discord knows: guilds, roles, members, channels, users, and how each looks on the wire.

Optional objects are left out rather than sent as null, as Discord does; identifiers are real snowflakes of the
current time, because discord.py reads ages from them.
"""

import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from discord import Permissions

if TYPE_CHECKING:
    from .messages import Message

Payload = dict[str, Any]

DISCORD_EPOCH = 1_420_070_400_000  # milliseconds; the first instant a snowflake can name
TEXT_CHANNEL, DIRECT_CHANNEL = 0, 1
_counter = itertools.count()


def snowflake() -> int:
    """A new identifier, unique in this process and dated now."""
    return (int(time.time() * 1000) - DISCORD_EPOCH) << 22 | (next(_counter) & 0x3FFFFF)


def now() -> str:
    """The present moment as Discord writes it."""
    return datetime.now(UTC).isoformat()


@dataclass(eq=False)
class User:
    """An account: a person, a bot, or the face of a webhook."""

    name: str
    bot: bool = False
    accepts_direct_messages: bool = True
    id: int = field(default_factory=snowflake)

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def wire(self) -> Payload:
        shown = {"global_name": None, "avatar": None, "public_flags": 0, "bot": self.bot}
        return {"id": str(self.id), "username": self.name, "discriminator": "0", **shown}


@dataclass(eq=False)
class Role:
    """A named set of permissions; the one whose id is the guild's is @everyone."""

    name: str
    permissions: Permissions
    id: int = field(default_factory=snowflake)

    def wire(self) -> Payload:
        look = {"color": 0, "colors": {"primary_color": 0}, "hoist": False, "managed": False, "mentionable": False}
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(self.permissions.value),
            "position": 0 if self.name == "@everyone" else 1,
            "flags": 0,
            **look,
        }


@dataclass(eq=False)
class Member:
    """A user inside one guild."""

    user: User
    roles: list[Role] = field(default_factory=list)
    joined_at: str = field(default_factory=now)

    def wire(self, *, with_user: bool = True) -> Payload:
        roles = [str(role.id) for role in self.roles]
        rendered: Payload = {"roles": roles, "joined_at": self.joined_at, "flags": 0, "deaf": False, "mute": False}
        return rendered | {"user": self.user.wire()} if with_user else rendered


@dataclass(eq=False)
class Guild:
    """A server. One without the bot is known only through interactions of people who installed the app."""

    name: str
    owner: User
    id: int = field(default_factory=snowflake)
    has_bot: bool = True
    roles: list[Role] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)

    def permissions(self, user: User, channel: "Channel") -> Permissions:
        """What a user may do in a channel: the roles' grants less what the channel denies; the owner all."""
        if user is self.owner:
            return Permissions.all()
        granted = self.roles[0].permissions.value
        for role in self.members[user.id].roles if user.id in self.members else []:
            granted |= role.permissions.value
        return Permissions(granted & ~channel.denied.value)

    def wire(self, bot: User) -> Payload:
        """GUILD_CREATE as a bot without the members intent gets it: its own member only."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "roles": [role.wire() for role in self.roles],
            "channels": [channel.wire() for channel in self.channels.values()],
            "members": [self.members[bot.id].wire()],
            "member_count": len(self.members),
            "preferred_locale": "en-US",
            "unavailable": False,
            "joined_at": self.members[bot.id].joined_at,
            "large": False,
        }


@dataclass(eq=False)
class Channel:
    """A guild's text channel, or the direct channel between the bot and `recipient`."""

    name: str
    guild: Guild | None = None
    recipient: User | None = None
    id: int = field(default_factory=snowflake)
    denied: Permissions = field(default_factory=Permissions.none)
    messages: dict[int, "Message"] = field(default_factory=dict)

    def wire(self) -> Payload:
        if self.guild is None:
            recipients = [self.recipient.wire()] if self.recipient else []
            return {"id": str(self.id), "type": DIRECT_CHANNEL, "recipients": recipients}
        everyone = {"id": str(self.guild.id), "type": 0, "allow": "0", "deny": str(self.denied.value)}
        return {
            "id": str(self.id),
            "type": TEXT_CHANNEL,
            "guild_id": str(self.guild.id),
            "name": self.name,
            "position": len(self.guild.channels),
            "permission_overwrites": [everyone] if self.denied.value else [],
        }


@dataclass(eq=False)
class Webhook:
    """A door through which the bot may post under another name."""

    channel: Channel
    name: str
    creator: User
    id: int = field(default_factory=snowflake)
    token: str = field(default_factory=lambda: f"webhook-{snowflake()}")

    def wire(self) -> Payload:
        place = (
            {"channel_id": str(self.channel.id), "guild_id": str(self.channel.guild.id)}
            if self.channel.guild
            else {}
        )
        return {
            "id": str(self.id),
            "type": 1,
            "name": self.name,
            "avatar": None,
            "token": self.token,
            "application_id": str(self.creator.id),
            "user": self.creator.wire(),
            **place,
        }
