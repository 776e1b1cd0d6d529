"""A small Bluesky on loopback, for an unchanged atproto SDK: a server that holds accounts (PDS), and the AppView.

    async with BlueskyServer() as server:
        client = AsyncClient(server.origin)
        await client.login(server.bot.handle, server.bot.app_password)

`server.origin` and `server.public_origin` are all that a product's settings must hold.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.x_server.clock import Clock

from .faults import Faults
from .http import WRITES, Call, Door
from .limits import Limits
from .routes import Routes
from .sessions import Sessions
from .world import POSTS, PROFILE, Account, Record, World

__all__ = ["POSTS", "PROFILE", "Account", "BlueskyServer", "Call", "Clock", "Record"]


class BlueskyServer:
    """The server with everything a test does to it; `bot` is the account whose app password a client gets."""

    def __init__(self) -> None:
        self.world = World()
        self.clock = self.world.clock
        self.bot = self.world.bot
        self.sessions = Sessions(self.world, self.clock)
        self.limits = Limits(self.clock)
        self._door = Door(self.sessions, self.limits)
        self._routes = Routes(self.world, self.sessions)
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        """What stands for `https://bsky.social`."""
        return self._routes.origin

    @property
    def public_origin(self) -> str:
        """What stands for `https://public.api.bsky.app`."""
        return f"{self.origin}/public"

    @property
    def faults(self) -> Faults:
        return self._door.faults

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in order."""
        return self._door.calls

    @property
    def writes(self) -> list[Call]:
        """The calls so far that were to change anything."""
        return [call for call in self.calls if call.method in WRITES]

    @property
    def posted(self) -> list[Record]:
        """What stands from the bot, oldest first."""
        return self.bot.all_of(POSTS)[::-1]

    async def __aenter__(self) -> Self:
        app = self._door.application({"host": self._routes.of_host(), "everybody": self._routes.of_everybody()})
        # Without a short timeout, open lines of a client can hold the cleanup for a minute.
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._routes.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def add_account(self, handle: str, **about: Any) -> Account:
        """A new account; `about` is that of `World.add_account`."""
        return self.world.add_account(handle, **about)

    def post(self, author: Account, text: str, **about: Any) -> Record:
        """A person posts; `about` is that of `World.post`: names, reply_to, quotes, at, fields of the record."""
        return self.world.post(author, text, **about)

    def mention(self, author: Account, text: str, **about: Any) -> Record:
        """A person summons the bot."""
        return self.post(author, f"@{self.bot.handle} {text}", names=[self.bot], **about)

    def fill(self, author: Account, count: int) -> list[Record]:
        """So many plain posts of a person, one a minute until now, oldest first."""
        start = self.clock.now() - 60 * count
        return [self.post(author, f"Post number {number}.", at=start + 60 * number) for number in range(count)]

    def named(self, method: str) -> Iterator[Call]:
        """The calls so far of one method, by the end of its name: "createRecord"."""
        return (call for call in self.calls if call.method.endswith(f".{method}"))
