"""What a person does with commands, buttons and modals: INTERACTION_CREATE, and where the answer is kept."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from discord import Permissions

from .messages import Attachment, Message, walk
from .state import Channel, Payload, User, snowflake
from .world import Event, World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5  # interaction types
SUBCOMMAND, GROUP, USER, CHANNEL, ATTACHMENT = 1, 2, 6, 7, 11  # option types
BUTTON = 2  # component type
ACKNOWLEDGE_WITHIN = 3.0  # seconds; Discord's documented time for the first answer
TOKEN_LIVES = 900.0  # seconds; Discord's documented life of an interaction's token
ATTACHMENT_LIMIT = 10 << 20  # bytes a bot may upload to a server without boosts


@dataclass(eq=False)
class Interaction:
    """One act of a person. The callback and the follow-ups of the bot are collected here."""

    type: int
    channel: Channel
    user: User
    data: Payload
    message: Message | None = None  # the message whose component was used
    id: int = field(default_factory=snowflake)
    token: str = field(default_factory=lambda: f"interaction-{snowflake()}")
    began: float = field(default_factory=time.monotonic)
    acknowledged_after: float | None = None  # seconds
    callback: Payload | None = None  # the first answer, as the bot sent it
    response: Message | None = None  # @original
    followups: list[Message] = field(default_factory=list)
    expired: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def choices(self) -> list[Payload]:
        """What autocomplete offered: `name` and `value` each."""
        return self.callback["data"]["choices"] if self.callback else []

    @property
    def modal(self) -> Payload | None:
        """The form that was opened, if the answer was one."""
        return self.callback["data"] if self.callback and self.callback["type"] == 9 else None

    @property
    def late(self) -> bool:
        return self.expired or (self.callback is None and time.monotonic() - self.began > ACKNOWLEDGE_WITHIN)

    @property
    def over(self) -> bool:
        return self.expired or time.monotonic() - self.began > TOKEN_LIVES

    def metadata(self) -> Payload:
        """How a message that answers this act names it."""
        return {
            "id": str(self.id),
            "type": self.type,
            "user": self.user.wire(),
            "authorizing_integration_owners": {},
        }


class People:
    """The hands of the people in a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def use_command(self, channel: Channel, user: User, name: str, values: dict[str, Any]) -> Interaction:
        """Types a command such as `voice train` with its options.

        Raises:
            LookupError: no such command or option is registered, it isn't offered to this person here, or it lacks
                a required option; a person could not send it either.
        """
        command, options, group = self._command(channel, user, name)
        missing = [option["name"] for option in options if option.get("required") and option["name"] not in values]
        if missing:
            raise LookupError(f"/{name} needs {missing}")
        resolved: Payload = {}
        given = [self._option(options, key, value, channel, resolved) for key, value in values.items()]
        data = {"id": command["id"], "name": command["name"], "type": 1, "options": _nested(group, given)}
        return self.act(Interaction(COMMAND, channel, user, data | ({"resolved": resolved} if resolved else {})))

    def type_option(
        self, channel: Channel, user: User, name: str, focused: str, typed: str, values: dict[str, Any]
    ) -> Interaction:
        """Types into an option that completes itself. Raises LookupError as `use_command`, or if it does not."""
        command, options, group = self._command(channel, user, name)
        if not next((option.get("autocomplete") for option in options if option["name"] == focused), False):
            raise LookupError(f"{focused} of /{name} has no autocomplete")
        given = [self._option(options, key, value, channel, {}) for key, value in values.items()]
        given.append(self._option(options, focused, typed, channel, {}) | {"focused": True})
        data = {"id": command["id"], "name": command["name"], "type": 1, "options": _nested(group, given)}
        return self.act(Interaction(AUTOCOMPLETE, channel, user, data))

    def press(self, message: Message, user: User, which: str, values: list[str] | None = None) -> Interaction:
        """Presses the button, or picks in the menu, whose label or custom_id is `which`.

        Raises:
            LookupError: the message has no such component, or it is disabled.
        """
        for component in walk(message.components):
            if which in (component.get("label"), component.get("custom_id")) and not component.get("disabled"):
                data = {
                    "custom_id": component["custom_id"],
                    "component_type": component["type"],
                    "id": component["id"],
                }
                if component["type"] != BUTTON:
                    data["values"] = values or []
                return self.act(Interaction(COMPONENT, message.channel, user, data, message))
        raise LookupError(f"nothing called {which!r} can be pressed in {message.components}")

    def submit(self, opened: Interaction, values: dict[str, str]) -> Interaction:
        """Fills the modal that an interaction opened, by custom_id or label, and sends it off."""
        modal = opened.modal
        if modal is None:
            raise LookupError("the answer opened no modal")
        components = [_filled(component, values) for component in modal["components"]]
        data = {"custom_id": modal["custom_id"], "components": components}
        return self.act(Interaction(MODAL, opened.channel, opened.user, data, opened.message))

    def act(self, interaction: Interaction) -> Interaction:
        """Sends INTERACTION_CREATE, which needs no intent; where the bot is no member, it goes to shard 0."""
        self.world.interactions[interaction.token] = interaction
        guild = interaction.channel.guild
        home = guild if guild is not None and guild.has_bot else None
        self.world.notify(Event("INTERACTION_CREATE", home, lambda _: self._wire(interaction)))
        return interaction

    def _wire(self, interaction: Interaction) -> Payload:
        guild, channel, user = interaction.channel.guild, interaction.channel, interaction.user
        rendered: Payload = {
            "id": str(interaction.id),
            "application_id": str(self.world.bot.id),
            "type": interaction.type,
            "token": interaction.token,
            "version": 1,
            "attachment_size_limit": ATTACHMENT_LIMIT,
            "channel_id": str(channel.id),
            "channel": channel.wire(),
            "locale": "en-US",
            "entitlements": [],
            "data": interaction.data,
        }
        if interaction.message is not None:
            rendered["message"] = interaction.message.wire(self.world.bot, all_content=True)
        if guild is None:
            return rendered | {
                "user": user.wire(),
                "context": 1,
                "authorizing_integration_owners": {"1": str(user.id)},
            }
        owners = {"0": str(guild.id)} if guild.has_bot else {"1": str(user.id)}
        allowed = guild.permissions(user, channel).value
        return rendered | {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "member": guild.members[user.id].wire() | {"permissions": str(allowed)},
            "app_permissions": str(guild.permissions(self.world.bot, channel).value),
            "context": 0,
            "authorizing_integration_owners": owners,
        }

    def _command(self, channel: Channel, user: User, name: str) -> tuple[Payload, list[Payload], list[Payload]]:
        """The registered command, the options of its leaf, and the groups on the way there."""
        first, *rest = name.split()
        places = [channel.guild.id, None] if channel.guild else [None]
        registered = [command for place in places for command in self.world.commands.get(place, [])]
        command = next((command for command in registered if command["name"] == first), None)
        if command is None:
            raise LookupError(f"/{first} is not registered; sync the command tree first")
        if not _offered(command, channel, user):
            raise LookupError(f"/{first} is not offered to {user.name} in {channel.name}")
        options: list[Payload] = command.get("options", [])
        group: list[Payload] = []
        for part in rest:
            found = next((option for option in options if option["name"] == part), None)
            if found is None or found["type"] not in (SUBCOMMAND, GROUP):
                raise LookupError(f"/{first} has no {part}")
            group.append({"name": part, "type": found["type"]})
            options = found.get("options", [])
        return command, options, group

    def _option(
        self, options: list[Payload], name: str, value: object, channel: Channel, resolved: Payload
    ) -> Payload:
        kind = next((option["type"] for option in options if option["name"] == name), None)
        if kind is None:
            raise LookupError(f"there is no option {name}, only {[option['name'] for option in options]}")
        if isinstance(value, User | Channel | Attachment):
            key = {User: "users", Channel: "channels", Attachment: "attachments"}[type(value)]
            extra = {"permissions": "0"} if isinstance(value, Channel) else {}
            resolved.setdefault(key, {})[str(value.id)] = value.wire() | extra
            if isinstance(value, User) and channel.guild is not None and value.id in channel.guild.members:
                member = channel.guild.members[value.id].wire(with_user=False) | {"permissions": "0"}
                resolved.setdefault("members", {})[str(value.id)] = member
            if isinstance(value, Attachment):
                self.world.attachments[value.id] = value
            value = str(value.id)
        return {"name": name, "type": kind, "value": value}


def _offered(command: Payload, channel: Channel, user: User) -> bool:
    """Whether Discord shows a command here, by its contexts, installs and the permissions that it asks for."""
    guild = channel.guild
    contexts = command.get("contexts")
    if guild is None:
        return 1 in contexts if contexts is not None else command.get("dm_permission") is not False
    installs = command.get("integration_types") or [0]
    asked = command.get("default_member_permissions")
    allowed = asked is None or guild.permissions(user, channel).is_superset(Permissions(int(asked)))
    return allowed and (contexts is None or 0 in contexts) and (0 if guild.has_bot else 1) in installs


def _nested(group: list[Payload], options: list[Payload]) -> list[Payload]:
    for part in reversed(group):
        options = [part | {"options": options}]
    return options


def _filled(component: Payload, values: dict[str, str]) -> Payload:
    """A modal's component as it comes back, holding what was typed."""
    if "components" in component:
        return {
            "type": component["type"],
            "components": [_filled(inner, values) for inner in component["components"]],
        }
    if "component" in component:
        inner = component["component"]
        named = {inner["custom_id"]: values[component["label"]]} if component.get("label") in values else {}
        return {"type": component["type"], "component": _filled(inner, values | named)}
    if "custom_id" not in component:
        return component
    typed = values.get(component["custom_id"], values.get(component.get("label", ""), component.get("value", "")))
    answer = {"type": component["type"], "custom_id": component["custom_id"]}
    return answer | ({"value": typed} if component["type"] == 4 else {"values": [typed]})
