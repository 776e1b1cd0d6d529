"""What tweepy's client has in the place of an aiohttp session: the way to X and the answers as they come.

tweepy stumbles over answers that are no success: it takes a page of HTML for JSON, and an empty body breaks it. So
it gets to see none; whoever calls is handed the answer itself.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Self

import aiohttp
from yarl import URL

from data.errors import InputError

Payload = dict[str, Any]

# Calls within 15 minutes; posts within a day, of the account and of the app.
_LIMITS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")


@dataclass(frozen=True)
class Answer:
    """A whole answer of X's, or of something on the way there, with what tweepy looks for in a response."""

    status: int
    reason: str
    headers: Mapping[str, str]  # in any case
    body: bytes

    @classmethod
    async def from_response(cls, response: aiohttp.ClientResponse) -> Self:
        return cls(response.status, response.reason or "", response.headers, await response.read())

    async def read(self) -> bytes:
        return self.body

    @property
    def payload(self) -> Payload | None:
        """The JSON object that it holds; None for anything else."""
        try:
            payload = json.loads(self.body)
        except ValueError:
            return None
        return payload if isinstance(payload, dict) else None

    @property
    def moment(self) -> float | None:
        """What time it is there, in seconds since 1970."""
        try:
            date = parsedate_to_datetime(self.headers.get("Date", ""))
        except ValueError:
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()

    @property
    def refuses(self) -> bool:
        """Whether it is certain that nothing was done, and so nothing charged."""
        return 300 <= self.status < 500 and self.status != 408

    @property
    def wait(self) -> float | None:
        """For how many seconds an answer 429 bids to wait; None where it does not say."""
        allowance = self.allowance()
        if allowance is not None and allowance[0] == 0:
            return allowance[1]
        return _number(self.headers.get("Retry-After"))

    def allowance(self) -> tuple[int, float] | None:
        """How many more calls are taken, and in how many seconds anew; of several limits the one that bites first.

        Times are X's own, both of them: this machine's clock may be off. None where the answer says nothing.
        """
        now = self.moment or time.time()
        refused = 0 if self.status == 429 else None  # then a moment alone says enough
        told = []
        for limit in _LIMITS:
            remaining = _number(self.headers.get(f"{limit}-remaining"), refused)
            reset = _number(self.headers.get(f"{limit}-reset"))
            if remaining is not None and reset is not None:
                told.append((remaining, reset - now))
        return min(told, key=lambda limit: (limit[0], -limit[1]), default=None)


class NotAcceptedError(Exception):
    """X did not do what it was asked; its answer says why, or does not."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class LineLostError(aiohttp.ClientError):
    """The line broke after the call was sent, or while it was."""


class Session:
    """One for each client. `api_base` is another origin than X's; signatures stay those for X."""

    def __init__(self, api_base: str, timeout_seconds: float) -> None:
        """Raises InputError for what is no address."""
        self._origin = api_base.rstrip("/")
        if self._origin and not _is_address(self._origin):
            raise InputError(
                f"MYNAH_X__API_BASE is '{api_base}', which is no address; write it like https://host."
            )
        self._session = aiohttp.ClientSession(
            # Who can't be reached in half the time was certainly sent nothing.
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2),
            # A kept line may be dead by the next call, and a post that gets lost on it costs a look-up.
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_once,),
        )

    @asynccontextmanager
    async def request(self, method: str, url: str | URL, **options: Any) -> AsyncIterator[Answer]:
        """As tweepy calls it. Raises NotAcceptedError for every answer that is no success."""
        asked = URL(url) if isinstance(url, str) else url
        if self._origin:  # not encoded again: the signature covers the query as it is written
            asked = URL(self._origin + asked.raw_path_qs, encoded=True)
        async with self._session.request(method, asked, allow_redirects=False, **options) as response:
            answer = await Answer.from_response(response)
        if not 200 <= answer.status < 300:
            raise NotAcceptedError(answer)
        yield answer

    async def close(self) -> None:
        await self._session.close()


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp repeats a GET whose line broke, unseen: X may charge both, and refuses the same signature twice."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise LineLostError(str(error)) from error


def _is_address(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _number(value: str | None, default: int | None = None) -> int | None:
    return int(value) if value is not None and value.isdecimal() and len(value) < 13 else default
