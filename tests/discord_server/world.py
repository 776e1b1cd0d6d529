"""One small Discord in memory: who and what exists, and the actions that change it and tell the gateway."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from discord import Intents, Permissions

from .errors import (
    closed_direct_messages,
    invalid_form,
    missing_access,
    missing_permissions,
    unknown_channel,
    unknown_message,
)
from .messages import COMPONENTS_V2, EPHEMERAL, PLAIN, REPLY, Attachment, Message, check, mentioned, numbered
from .state import Channel, Guild, Member, Payload, Role, User, Webhook

if TYPE_CHECKING:
    from .interactions import Interaction

# What @everyone may do in a new server, as far as a chat bot meets it.
EVERYONE = Permissions(
    view_channel=True,
    send_messages=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
    use_application_commands=True,
    use_external_apps=True,
)
NOTHING = Permissions.none()
GUILDS = Intents(guilds=True).value


@dataclass(frozen=True)
class Event:
    """A dispatch: who gets it (by guild and intent) and its data, given whether all content may be read."""

    name: str
    guild: Guild | None
    render: Callable[[bool], Payload]
    intent: int = 0  # 0: every session gets it


@dataclass(eq=False)
class World:
    """The state behind both doors, HTTP and gateway. `notify` is set by the gateway."""

    token: str
    bot: User = field(default_factory=lambda: User("mynah", bot=True))
    privileged_intents: Intents = field(default_factory=Intents.none)  # the switches of the developer portal
    installable: Payload = field(default_factory=lambda: {"0": {}, "1": {}})  # to servers, to people
    team: Payload | None = None  # which the application is of, rather than of one person
    users: dict[int, User] = field(default_factory=dict)
    guilds: dict[int, Guild] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    interactions: dict[str, "Interaction"] = field(default_factory=dict)  # by token
    attachments: dict[int, Attachment] = field(default_factory=dict)
    commands: dict[int | None, list[Payload]] = field(default_factory=dict)  # by guild; None is global
    nonces: dict[tuple[int, str], Message] = field(default_factory=dict)
    notify: Callable[[Event], None] = lambda event: None

    def __post_init__(self) -> None:
        self.users[self.bot.id] = self.bot

    def add_user(self, name: str, guild: Guild | None = None, *, permissions: Permissions = NOTHING) -> User:
        user = User(name)
        self.users[user.id] = user
        if guild is not None:
            self.join(guild, user, permissions=permissions)
        return user

    def join(self, guild: Guild, user: User, *, permissions: Permissions = NOTHING) -> None:
        """Makes a user a member, with a role of their own if they may do more than everyone."""
        roles = [Role(f"{user.name}s", permissions)] if permissions.value else []
        guild.roles += roles
        guild.members[user.id] = Member(user, roles)
        if roles and guild.has_bot:
            data: Payload = {"guild_id": str(guild.id), "role": roles[0].wire()}
            self.notify(Event("GUILD_ROLE_CREATE", guild, lambda _: data, GUILDS))

    def add_guild(self, name: str, *, has_bot: bool = True, permissions: Permissions = NOTHING) -> Guild:
        """A new server with an owner; `permissions` are the bot's beyond those of everyone."""
        owner = self.add_user(f"owner of {name}")
        guild = Guild(name, owner, has_bot=has_bot)
        guild.roles.append(Role("@everyone", EVERYONE, id=guild.id))
        self.guilds[guild.id] = guild
        self.join(guild, owner)
        if has_bot:
            self.join(guild, self.bot, permissions=permissions)
            self.notify(Event("GUILD_CREATE", guild, lambda _: guild.wire(self.bot), GUILDS))
        return guild

    def remove_guild(self, guild: Guild) -> None:
        """The bot is removed from a server."""
        for channel in guild.channels.values():
            self.channels.pop(channel.id, None)
        del self.guilds[guild.id]
        self.notify(Event("GUILD_DELETE", guild, lambda _: {"id": str(guild.id)}, GUILDS))

    def add_channel(self, guild: Guild, name: str, *, denied: Permissions = NOTHING) -> Channel:
        channel = Channel(name, guild, denied=denied)
        self.channels[channel.id] = guild.channels[channel.id] = channel
        if guild.has_bot:
            self.notify(Event("CHANNEL_CREATE", guild, lambda _: channel.wire(), GUILDS))
        return channel

    def remove_channel(self, channel: Channel, *, silently: bool = False) -> None:
        """Deletes a channel; `silently` is the moment in which the bot doesn't know it yet."""
        del self.channels[channel.id]
        if channel.guild is not None:
            del channel.guild.channels[channel.id]
            if not silently:
                self.notify(Event("CHANNEL_DELETE", channel.guild, lambda _: channel.wire(), GUILDS))

    def deny(self, channel: Channel, denied: Permissions, *, silently: bool = False) -> None:
        """Takes permissions from everyone in a channel; `silently` as in `remove_channel`."""
        channel.denied = denied
        if channel.guild is not None and not silently:
            self.notify(Event("CHANNEL_UPDATE", channel.guild, lambda _: channel.wire(), GUILDS))

    def direct_channel(self, user: User) -> Channel:
        """The direct channel of the bot with a user, opened at first use."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(user.name, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def channel_for_bot(self, channel_id: int, **needed: bool) -> Channel:
        """The channel, if the bot may see it and do what is `needed` (names of `discord.Permissions`).

        Raises:
            ApiError: 10003, 50001, 50007 or 50013.
        """
        channel = self.channels.get(channel_id)
        if channel is None:
            raise unknown_channel()
        if channel.recipient is not None:
            if not channel.recipient.accepts_direct_messages and "send_messages" in needed:
                raise closed_direct_messages()
            return channel
        assert channel.guild is not None
        allowed = channel.guild.permissions(self.bot, channel)
        if not channel.guild.has_bot or not allowed.view_channel:
            raise missing_access()
        if not allowed.is_superset(Permissions(**needed)):
            raise missing_permissions()
        return channel

    def message(self, channel: Channel, message_id: int) -> Message:
        """A message of the channel. Raises ApiError 10008 if there is none."""
        if message_id not in channel.messages:
            raise unknown_message()
        return channel.messages[message_id]

    def post(
        self,
        channel: Channel,
        author: User,
        payload: Payload,
        files: list[Attachment],
        *,
        webhook_id: int | None = None,
        interaction: Payload | None = None,
        kind: int = PLAIN,
    ) -> Message:
        """Stores a message and tells the gateway, unless it is ephemeral.

        Raises:
            ApiError: the message is empty, too long, or answers one that is gone.
        """
        check(payload, len(files))
        reply_to = self._answered(channel, payload)
        content = payload.get("content") or ""
        mentions, everyone = mentioned(content, payload, self.users, reply_to)
        webhook = self.webhooks.get(webhook_id) if webhook_id else None
        message = Message(
            channel=channel,
            author=author,
            content=content,
            type=REPLY if reply_to is not None else kind,
            flags=payload.get("flags", 0) & (EPHEMERAL | COMPONENTS_V2),
            mentions=mentions,
            mention_everyone=everyone,
            embeds=payload.get("embeds") or [],
            components=numbered(payload.get("components") or []),
            attachments=files,
            reply_to=reply_to,
            nonce=payload.get("nonce"),
            webhook_id=webhook_id,
            application_id=webhook.creator.id if webhook else None,
            interaction=interaction,
        )
        self.publish(message)
        return message

    def publish(self, message: Message) -> None:
        """Shows a message in its channel; an ephemeral one is in no channel."""
        self.attachments |= {file.id: file for file in message.attachments}
        if not message.ephemeral:
            message.channel.messages[message.id] = message
            self._tell("MESSAGE_CREATE", message)

    def edit(self, message: Message, payload: Payload, files: list[Attachment]) -> None:
        """Changes a message and tells the gateway. Raises ApiError if the result is empty or too long."""
        message.change(payload, files, self.users)
        self.attachments |= {file.id: file for file in files}
        if not message.ephemeral:
            self._tell("MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        message.deleted = True
        if message.channel.messages.pop(message.id, None) is not None:
            place = {"guild_id": str(message.channel.guild.id)} if message.channel.guild else {}
            data = {"id": str(message.id), "channel_id": str(message.channel.id), **place}
            self.notify(Event("MESSAGE_DELETE", message.channel.guild, lambda _: data, _intent(message)))

    def _tell(self, name: str, message: Message) -> None:
        if message.channel.guild is None or message.channel.guild.has_bot:

            def render(all_content: bool) -> Payload:
                return message.wire(self.bot, all_content=all_content)

            self.notify(Event(name, message.channel.guild, render, _intent(message)))

    def _answered(self, channel: Channel, payload: Payload) -> Message | None:
        reference = payload.get("message_reference")
        if not reference:
            return None
        original = channel.messages.get(int(reference["message_id"]))
        if original is None and reference.get("fail_if_not_exists", True):
            raise invalid_form("message_reference: Unknown message")
        return original


def _intent(message: Message) -> int:
    place = Intents(guild_messages=True) if message.channel.guild is not None else Intents(dm_messages=True)
    return place.value
