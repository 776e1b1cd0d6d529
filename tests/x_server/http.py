"""The HTTP door: each call is logged, then meets faults, the check of keys, credit, limits, and its handler."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import web

from .bill import Bill, Charge
from .clock import header_date
from .errors import (
    ApiError,
    Payload,
    invalid_request,
    no_credits,
    suspended_login,
    too_many_requests,
    unknown_route,
    users_only,
)
from .faults import JSON, Fault, Faults
from .limits import Limits
from .oauth import Door
from .state import Account
from .words import in_new_words
from .world import World

PROBLEM = "application/problem+json"
Handler = Callable[["Call"], tuple[int, Payload]]


@dataclass
class Call:
    """One request as it came, what it was answered, and what that cost."""

    method: str
    path: str
    endpoint: str  # method and template that matched, such as `GET /2/tweets/{id}`
    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    payload: Any = None
    caller: Account | None = None  # None: the app alone, or somebody without keys
    status: int = 0  # that the caller got; 0: the line was cut
    answer: Payload | None = None  # X's own, whether or not it arrived
    answer_status: int = 0
    post_words: bool = False  # asked in the vocabulary that X is moving to
    charges: list[Charge] = field(default_factory=list)

    @property
    def cost(self) -> Decimal:
        """Dollars."""
        return sum((charge.dollars for charge in self.charges), Decimal(0))

    @property
    def user(self) -> Account:
        """The account that signed. Raises ApiError (403) for an app alone."""
        if self.caller is None:
            raise users_only()
        return self.caller


@dataclass
class Api:
    """Turns handlers into routes, with everything that all routes share.

    With `renamed`, X answers in its new words whatever it is asked in.
    """

    world: World
    door: Door
    bill: Bill
    limits: Limits
    origin: str = ""  # set once the port is known
    faults: Faults = field(default_factory=Faults)
    requests: list[Call] = field(default_factory=list)
    renamed: bool = False

    def application(self, routes: dict[tuple[str, str], Handler]) -> web.Application:
        """An application with these routes; all else is a 404."""
        app = web.Application()
        for (method, template), handler in routes.items():
            app.router.add_route(method, template, self._route(f"{method} {template}", handler))
        app.router.add_route("*", "/{path:.*}", self._route("", _unknown))
        return app

    def _route(self, endpoint: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            call = Call(
                request.method,
                request.path,
                endpoint,
                dict(request.match_info),
                dict(request.query),
                dict(request.headers),
                await request.read(),
            )
            self.requests.append(call)
            return await self._respond(request, call, handler)

        return answer

    async def _respond(self, request: web.Request, call: Call, handler: Handler) -> web.Response:
        """Trouble that was ordered for the call comes before, after or instead of its work."""
        fault = self.faults.take(call.method, call.path) or Fault(call.method, call.path)
        if not fault.after_effect:
            await asyncio.sleep(fault.delay)
        works = fault.after_effect or not fault.replaces
        response = self._answer(request, call, handler) if works else web.Response()
        if fault.after_effect:
            await asyncio.sleep(fault.delay)
        if fault.cut:
            assert request.transport is not None
            request.transport.abort()
            return response
        if fault.status is not None:
            response = web.Response(status=fault.status, body=fault.body.encode(), headers=fault.headers)
        response.headers["Date"] = header_date(self.world.clock.shown() + fault.skew)
        call.status = response.status
        return response

    def _answer(self, request: web.Request, call: Call, handler: Handler) -> web.Response:
        """X's own answer, as it is when nothing comes between."""
        headers: dict[str, str] = {}
        kind = JSON
        try:
            call.caller = self.door.enter(call.method, request.raw_path, call.headers.get("Authorization", ""))
            if call.caller is not None and call.caller.suspended:
                raise suspended_login()
            if self.bill.exhausted:
                raise no_credits(self.world.bot.id)
            headers, over = self._limited(call)
            if over:
                raise too_many_requests()
            call.payload = _json_of(call)
            call.answer_status, call.answer = handler(call)
            if self.renamed:
                call.post_words, call.answer = True, in_new_words(call.answer)
        except ApiError as error:
            call.answer_status, call.answer, kind = error.status, error.problem, PROBLEM
        body = json.dumps(call.answer).encode()
        return web.Response(status=call.answer_status, body=body, headers=headers | {"Content-Type": kind})

    def _limited(self, call: Call) -> tuple[dict[str, str], bool]:
        """The headers of the call's bucket, and whether it was empty; a path that doesn't exist has none."""
        if not call.endpoint:
            return {}, False
        return self.limits.spend(call.endpoint, "app" if call.caller is None else str(call.caller.id))


def _json_of(call: Call) -> Any:
    if not call.body:
        return None
    try:
        return json.loads(call.body)
    except ValueError:
        raise invalid_request("Requests with bodies must be of type application/json.") from None


def _unknown(call: Call) -> tuple[int, Payload]:
    raise unknown_route(call.path)
