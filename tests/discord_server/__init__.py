"""A small Discord on loopback, against which an unchanged discord.py logs in, listens, answers and loses its line.

    async with DiscordServer() as server:
        with server.pointed():
            ...  # run the client; Route.BASE and DEFAULT_GATEWAY are put back afterwards

It speaks plain HTTP and WebSocket, grants no privileged intent unless `world.privileged_intents` says so, and
therefore empties the content of guild messages that don't mention the bot, as Discord does.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import yarl
from aiohttp import web
from discord import Permissions
from discord.gateway import DiscordWebSocket
from discord.http import Route

from .faults import Faults
from .gateway import Gateway
from .http import API, Api, Call
from .interactions import Interaction, People
from .limits import Limits
from .messages import Attachment, Message
from .routes import Routes
from .state import Channel, Guild, Payload, User
from .webhooks import WebhookRoutes
from .world import NOTHING, Event, World

__all__ = ["Attachment", "Call", "Channel", "DiscordServer", "Guild", "Interaction", "Message", "User"]

TOKEN = "token.for.tests"  # not a secret: it opens this server only
PATIENCE = 60.0  # seconds; only a hang takes so long, also on a busy machine


class DiscordServer:
    """The server with everything a test does to it; `guild`, `channel` and `person` are there from the start."""

    def __init__(self) -> None:
        self.token = TOKEN
        self.world = World(TOKEN)
        self.gateway = Gateway(self.world)
        self.people = People(self.world)
        self.api = Api(self.world)
        self.routes = Routes(self.world, self.gateway)
        self.guild = self.world.add_guild("Aviary")
        self.channel = self.world.add_channel(self.guild, "perch")
        self.person = self.world.add_user("robin", self.guild)
        self.bot = self.world.bot
        self._runner: web.AppRunner | None = None

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def limits(self) -> Limits:
        return self.api.limits

    @property
    def requests(self) -> list[Call]:
        """Every HTTP call so far, in order."""
        return self.api.requests

    @property
    def api_base(self) -> str:
        return self.api.origin + API

    @property
    def gateway_url(self) -> str:
        return self.gateway.url

    async def __aenter__(self) -> Self:
        app = self.api.application(self.routes.table() | WebhookRoutes(self.world).table())
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/gateway/resume", self.gateway.serve)
        # Without a short timeout, open sockets of a client can hold the cleanup for a minute.
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.api.origin = f"http://127.0.0.1:{port}"
        self.gateway.url = f"ws://127.0.0.1:{port}/gateway"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.cut()
        if self._runner is not None:
            await self._runner.cleanup()

    @contextmanager
    def pointed(self) -> Iterator[None]:
        """Points this process's discord.py at the server, and back at Discord afterwards."""
        base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = self.api_base, yarl.URL(self.gateway_url)
        try:
            yield
        finally:
            Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway

    async def until(self, condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
        """Waits until the condition holds. Raises TimeoutError if it doesn't in time."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - a test's condition may look at anything, so none can signal it
                await asyncio.sleep(0.005)

    def file(self, filename: str, data: bytes, content_type: str = "application/octet-stream") -> Attachment:
        """A file that a person attaches to a message or a command."""
        return Attachment(filename, data, self.api.origin, content_type)

    def add_user(self, name: str, guild: Guild | None = None, *, permissions: Permissions = NOTHING) -> User:
        """A new person, a member of `guild` (the first one if none is named)."""
        return self.world.add_user(name, guild or self.guild, permissions=permissions)

    def say(
        self,
        channel: Channel,
        author: User,
        text: str,
        *,
        mentions: Iterable[User] = (),
        reply_to: Message | None = None,
        ping: bool = True,
        files: Iterable[Attachment] = (),
    ) -> Message:
        """A person writes. Mentions that the text lacks are put in front; `ping` is the switch of a reply."""
        missing = [user.mention for user in mentions if user.mention not in text]
        payload: Payload = {"content": " ".join([*missing, text])}
        if reply_to is not None:
            payload["message_reference"] = {"message_id": str(reply_to.id)}
            payload["allowed_mentions"] = {"parse": ["users", "everyone"], "replied_user": ping}
        return self.world.post(channel, author, payload, list(files))

    def direct(self, user: User) -> Channel:
        """The direct channel of a person with the bot."""
        return self.world.direct_channel(user)

    async def slash(self, channel: Channel, user: User, command: str, /, **options: Any) -> Interaction:
        """A person sends a registered command; returns at the bot's first answer (TimeoutError without one)."""
        return await self.answered(self.people.use_command(channel, user, command, options))

    async def autocomplete(
        self, channel: Channel, user: User, command: str, focused: str, typed: str, /, **options: Any
    ) -> list[Payload]:
        """The choices that the bot offers for what was typed so far."""
        typing = self.people.type_option(channel, user, command, focused, typed, options)
        return (await self.answered(typing)).choices

    async def press(
        self, message: Message, user: User, which: str, values: list[str] | None = None
    ) -> Interaction:
        """A person presses a button, or picks in a menu, by label or custom_id."""
        return await self.answered(self.people.press(message, user, which, values))

    async def submit(self, opened: Interaction, **values: str) -> Interaction:
        """A person fills the modal that an interaction opened."""
        return await self.answered(self.people.submit(opened, values))

    async def answered(self, interaction: Interaction) -> Interaction:
        """Waits for the first answer to an interaction. Raises TimeoutError without one."""
        async with asyncio.timeout(PATIENCE):
            await interaction.answered.wait()
        return interaction

    def dispatch(self, name: str, data: Payload) -> None:
        """Sends any event to every shard that has the first guild, for instance one no parser can read."""
        self.world.notify(Event(name, self.guild, lambda _: data))

    def sent_messages(self, channel: Channel) -> list[Message]:
        """What stands in a channel from the bot or its webhooks, oldest first; ephemeral answers are not in it."""
        hooks = self.world.webhooks
        return [
            message
            for message in channel.messages.values()
            if message.author is self.bot or message.webhook_id in hooks
        ]

    def calls(self, method: str, path: str) -> list[Call]:
        """The calls so far of one method whose path starts with `path`."""
        return [call for call in self.requests if call.method == method and call.path.startswith(path)]
