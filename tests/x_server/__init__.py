"""A small X on loopback, against which an unchanged tweepy posts, reads, pays and gets into trouble.

    async with XServer() as server, server.session() as session:
        client = AsyncClient(**server.keys)
        client.session = session

It speaks plain HTTP. Requests are signed for X's own host, as clients sign them, and only the origin is swapped:
`server.origin` is all that a product's setting must hold.
"""

from collections.abc import Iterator
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .bill import Bill, Charge
from .clock import Clock
from .faults import Faults
from .http import Api, Call
from .limits import Limits
from .oauth import Credentials, Door
from .routes import Routes
from .session import Session
from .state import Account, Post
from .world import World

__all__ = ["Account", "Call", "Charge", "Clock", "Post", "Session", "XServer"]


class XServer:
    """The server with everything a test does to it; `bot` is the account whose keys a client gets."""

    def __init__(self) -> None:
        self.world = World()
        self.clock = self.world.clock
        self.bot = self.world.bot
        # The token begins with the account's id, as X's do: tweepy reads it there.
        self.credentials = Credentials("key", "key-secret", f"{self.bot.id}-token", "token-secret", "bearer")
        self.bill = Bill(self.clock)
        door = Door(self.clock, self.bot, self.credentials)
        self.api = Api(self.world, door, self.bill, Limits(self.clock))
        self._runner: web.AppRunner | None = None

    @property
    def keys(self) -> dict[str, str]:
        """The keyword arguments of tweepy's clients."""
        return vars(self.credentials).copy()

    @property
    def origin(self) -> str:
        """What stands for `https://api.x.com`."""
        return self.api.origin

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def limits(self) -> Limits:
        return self.api.limits

    @property
    def requests(self) -> list[Call]:
        """Every call so far, in order."""
        return self.api.requests

    @property
    def spent(self) -> Decimal:
        """Dollars, so far."""
        return self.bill.total

    @property
    def posted(self) -> list[Post]:
        """What stands from the bot, oldest first."""
        return self.world.of(self.bot)[::-1]

    async def __aenter__(self) -> Self:
        app = self.api.application(Routes(self.world, self.bill).table())
        # Without a short timeout, open lines of a client can hold the cleanup for a minute.
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.api.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def session(self, **options: Any) -> Session:
        """A session for `AsyncClient.session`; the options are those of `aiohttp.ClientSession`."""
        return Session(self.origin, **options)

    def add_account(
        self, username: str, *, name: str = "", protected: bool = False, suspended: bool = False
    ) -> Account:
        """A new account; change its fields to protect, suspend or rename it later."""
        return self.world.add_account(username, name=name, protected=protected, suspended=suspended)

    def post(self, author: Account, text: str, **about: Any) -> Post:
        """A person posts; `about` is that of `World.post`: reply_to, quotes, reposts, at."""
        return self.world.post(author, text, **about)

    def mention(self, author: Account, text: str, **about: Any) -> Post:
        """A person summons the bot."""
        return self.post(author, f"@{self.bot.username} {text}", **about)

    def fill(self, author: Account, count: int) -> list[Post]:
        """So many plain posts of a person, one a minute until now, oldest first."""
        start = self.clock.now() - 60 * count
        return [self.post(author, f"Post number {number}.", at=start + 60 * number) for number in range(count)]

    def calls(self, endpoint: str) -> Iterator[Call]:
        """The calls so far of one endpoint, such as `GET /2/tweets/{id}`."""
        return (call for call in self.requests if call.endpoint == endpoint)
