"""Calls to Bluesky: signed ones to the server that holds the account, open ones to where public posts are read.

Rate limits are kept to, a session that ended is renewed, and whatever goes wrong is told as one of the platform's
errors.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from types import TracebackType
from typing import Any, Self

import httpx
from atproto_client import AsyncClient
from atproto_client.client.session import get_session_pds_endpoint
from atproto_client.exceptions import RateLimitExceededError
from atproto_client.models.dot_dict import DotDict
from atproto_client.request import AsyncRequest

from bot.governor import Governor, Outlay, RateLimits
from bot.platforms import NotDoneError, PlatformError
from bot.platforms.bluesky.troubles import CALL_ERRORS, RETRY_SECONDS, AnsweredError, told, told_limit
from data.settings import BlueskySettings

PLATFORM = "bluesky"
LOGIN = "com.atproto.server.createSession"
RENEW = "com.atproto.server.refreshSession"

# After the account was turned away: its name and password stay as they are until the program is started anew, and
# Bluesky counts attempts.
REST_SECONDS = 600.0

_KEYS = "check MYNAH_BLUESKY__HANDLE and MYNAH_BLUESKY__APP_PASSWORD"
_TURNED_AWAY = {
    "AuthenticationRequired": f"Bluesky does not accept the account's name and password; {_KEYS}.",
    "InvalidRequest": f"Bluesky does not understand the account's name or password; {_KEYS}.",
    "AccountTakedown": "Bluesky has taken the bot's account down; its e-mail says why.",
    "AuthFactorTokenRequired": f"Bluesky asks for a code by e-mail, as it does for the main password; {_KEYS}, "
    "which must hold an app password.",
}


@dataclass(frozen=True)
class _Session:
    did: str
    access: str
    refresh: str


@dataclass(frozen=True)
class _Side:
    """One server, by the setting that holds its address."""

    setting: str
    client: AsyncClient


class Wire:
    """One connection to each of the two servers, while the context lasts."""

    def __init__(self, settings: BlueskySettings, governor: Governor) -> None:
        self._settings = settings
        self._governor = governor
        self._limits = RateLimits()
        self._own = self._side("MYNAH_BLUESKY__SERVICE", settings.service)
        self._open = self._side("MYNAH_BLUESKY__PUBLIC_API", settings.public_api)
        self._session: _Session | None = None
        self._lock = asyncio.Lock()
        self._turned_away: tuple[float, str] | None = None  # until when (the loop's clock), and why

    def _side(self, setting: str, address: str) -> _Side:
        seconds = self._settings.timeout_seconds
        request = AsyncRequest(timeout=seconds, event_hooks={"response": [partial(self._note, setting)]})
        return _Side(setting, AsyncClient(address, request=request))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._own.client.request.close()
        await self._open.client.request.close()

    async def did(self) -> str:
        """The id of the bot's account; logs in where that is still to do."""
        return (await self._logged_in()).did

    async def ask(
        self,
        outlay: Outlay,
        endpoint: str,
        arguments: Mapping[str, Any],
        *,
        ids: Callable[[Any], Iterable[str]] = lambda answer: (),
        signed: bool = True,
    ) -> Any:
        """Read something as the SDK's model of it; `ids` says which posts or accounts of it are paid for."""
        async with self._governor.call(outlay) as receipt:
            try:
                if signed:
                    answer = await self.signed(endpoint, arguments)
                else:
                    answer = await self._call(self._open, endpoint, arguments)
            except PlatformError:
                receipt.not_charged()
                raise
            receipt.charge(ids(answer))
        return answer

    async def signed(
        self, endpoint: str, arguments: Mapping[str, Any], *, writing: bool = False, raw: bool = False
    ) -> Any:
        """A call as the account, whose outlay is the caller's; `raw` sends and gives JSON exactly as it is."""
        for fresh in (False, True):
            session = await self._logged_in()
            headers = {"Authorization": f"Bearer {session.access}"}
            try:
                return await self._call(self._own, endpoint, arguments, headers=headers, writing=writing, raw=raw)
            except AnsweredError as error:
                if not error.session_over:
                    raise
                if fresh:
                    raise NotDoneError(
                        "Bluesky does not accept the session that it has just given.", RETRY_SECONDS
                    ) from error
                await self._renew(session)
        raise AssertionError("the loop returns or raises")

    async def _logged_in(self) -> _Session:
        async with self._lock:
            if self._session is None:
                self._session = await self._log_in()
            return self._session

    async def _log_in(self) -> _Session:
        now = asyncio.get_running_loop().time()
        if self._turned_away is not None and now < self._turned_away[0]:
            raise NotDoneError(self._turned_away[1], self._turned_away[0] - now)
        identifier = self._settings.handle.strip().removeprefix("@").lower()
        password = self._settings.app_password.get_secret_value()
        self._own.client.update_base_url(self._settings.service)
        try:
            answer = await self._ask_for_session(LOGIN, {"identifier": identifier, "password": password})
        except AnsweredError as error:
            raise self._turn_away(_TURNED_AWAY.get(error.name, str(error))) from None
        if answer.active is False:
            raise self._turn_away(f"The bot's account is {answer.status or 'not active'}; see why on Bluesky.")
        if pds := get_session_pds_endpoint(answer):
            self._own.client.update_base_url(pds)
        return _Session(answer.did, answer.access_jwt, answer.refresh_jwt)

    def _turn_away(self, sentence: str) -> NotDoneError:
        self._turned_away = asyncio.get_running_loop().time() + REST_SECONDS, sentence
        return NotDoneError(sentence, REST_SECONDS)

    async def _renew(self, session: _Session) -> None:
        """Instead of one that is over; where it can't be renewed either, the next call logs in."""
        async with self._lock:
            if self._session is not session:
                return  # somebody else did
            headers = {"Authorization": f"Bearer {session.refresh}"}
            self._session = None
            try:
                answer = await self._ask_for_session(RENEW, {}, headers)
            except AnsweredError:
                return
            self._session = _Session(answer.did, answer.access_jwt, answer.refresh_jwt)

    async def _ask_for_session(
        self, endpoint: str, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        async with self._governor.call(Outlay(PLATFORM, "session", "user read")) as receipt:
            receipt.not_charged()
            try:
                return await self._call(self._own, endpoint, arguments, headers=headers)
            except PlatformError as error:
                raise error from None  # what is behind it may hold tokens

    async def _call(
        self,
        side: _Side,
        endpoint: str,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        writing: bool = False,
        raw: bool = False,
    ) -> Any:
        bucket = f"{side.setting} {endpoint}"
        if seconds := self._limits.seconds(bucket):
            raise _limited(seconds)
        self._limits.count(bucket)
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                if raw:
                    return await _raw(side.client, endpoint, arguments, headers or {}, writing=writing)
                return await _method(side.client, endpoint)(
                    *([dict(arguments)] if arguments else []), headers=dict(headers or {})
                )
        except CALL_ERRORS as error:
            if isinstance(error, RateLimitExceededError) and error.response is not None:
                limit = told_limit(error.response.status_code, error.response.headers)
                raise _limited(self._limits.refused(bucket, limit[1] if limit else None)) from error
            raise told(error, side.setting, writing=writing) from error

    async def _note(self, setting: str, response: httpx.Response) -> None:
        if (limit := told_limit(response.status_code, response.headers)) is not None:
            self._limits.note(f"{setting} {response.url.path.rpartition('/')[2]}", *limit)


def _limited(seconds: float) -> NotDoneError:
    return NotDoneError(f"Bluesky takes no more of these calls for {seconds:.0f} seconds.", seconds)


def _method(client: AsyncClient, endpoint: str) -> Any:
    """`client.app.bsky.feed.get_posts` for "app.bsky.feed.getPosts"."""
    *spaces, name = endpoint.split(".")
    name = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
    return getattr(reduce(getattr, spaces, client), name)


async def _raw(
    client: AsyncClient,
    endpoint: str,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    writing: bool,
) -> Any:
    """Without the SDK's models, which leave out what they don't know and every null."""
    if writing:
        answer = await client.invoke_procedure(
            endpoint, data=DotDict(dict(arguments)), input_encoding="application/json", headers=dict(headers)
        )
    else:
        answer = await client.invoke_query(endpoint, params=DotDict(dict(arguments)), headers=dict(headers))
    if not isinstance(answer.content, dict):
        raise ValueError("not a JSON object")
    return answer.content
