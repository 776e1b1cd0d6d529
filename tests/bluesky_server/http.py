"""The HTTP door: each call is logged, then meets faults, limits, tokens, its lexicon and its handler."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.x_server.clock import header_date
from tests.x_server.faults import JSON, Fault

from . import lexicon
from .errors import XrpcError, internal, invalid, not_implemented, too_many_requests, unauthorized
from .faults import Faults
from .limits import Limits
from .sessions import Sessions
from .world import Account

UNSIGNED = {"com.atproto.server.createSession", "com.atproto.server.refreshSession"}
WRITES = {"com.atproto.repo.createRecord", "com.atproto.repo.putRecord", "com.atproto.repo.deleteRecord"}
NEEDS_READER = WRITES | {"app.bsky.notification.listNotifications"}


@dataclass
class Call:
    """One request as it came, and what it was answered."""

    verb: str
    side: str  # "host", or "everybody" for the AppView that nobody signs in to
    method: str  # "app.bsky.actor.getProfile"
    authorization: str
    raw: bytes = b""
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    reader: Account | None = None
    status: int = 0  # that the caller got; 0: the line was cut
    answer_status: int = 0  # Bluesky's own, whether or not it arrived
    answer: dict[str, Any] | None = None


@dataclass
class Door:
    """Turns methods into routes, with everything that all of them share."""

    sessions: Sessions
    limits: Limits
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)

    def application(self, sides: dict[str, dict[str, Callable[[Call], dict[str, Any]]]]) -> web.Application:
        """The host's methods at `/xrpc/`, everybody's at `/public/xrpc/`."""
        app = web.Application()
        for side, prefix in (("host", ""), ("everybody", "/public")):
            app.router.add_route("*", f"{prefix}/xrpc/{{method}}", self._route(side, sides[side]))
        return app

    def _route(
        self, side: str, methods: dict[str, Callable[[Call], dict[str, Any]]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            name = request.match_info["method"]
            call = Call(request.method, side, name, request.headers.get("Authorization", ""), await request.read())
            self.calls.append(call)
            return await self._respond(request, call, methods)

        return answer

    async def _respond(self, request: web.Request, call: Call, methods: Any) -> web.Response:
        """Trouble that was ordered for the call comes before, after or instead of its work."""
        fault = self.faults.take(call.verb, request.path) or Fault(call.verb, request.path)
        if not fault.after_effect:
            await asyncio.sleep(fault.delay)
        works = fault.after_effect or not fault.replaces
        response = self._answer(request, call, methods) if works else web.Response()
        if fault.after_effect:
            await asyncio.sleep(fault.delay)
        if fault.cut:
            if request.transport is not None:  # the caller may have left before
                request.transport.abort()
            return response
        if fault.status is not None:
            response = web.Response(status=fault.status, body=fault.body.encode(), headers=fault.headers)
        response.headers["Date"] = header_date(self.limits.clock.shown() + fault.skew).replace("UTC", "GMT")
        call.status = response.status
        return response

    def _answer(self, request: web.Request, call: Call, methods: Any) -> web.Response:
        """Bluesky's own answer, as it is when nothing comes between."""
        headers: dict[str, str] = {}
        try:
            if call.method not in methods:
                raise not_implemented(call.method)
            headers, over = self.limits.spend(call.method, call.authorization)
            if over:
                raise too_many_requests()
            self._read(request, call)
            call.answer = methods[call.method](call)
            call.answer_status = 200
            try:
                lexicon.check_answer(call.method, call.answer)
            except XrpcError as error:
                raise AssertionError(f"{call.method} answered what Bluesky never would: {error}") from error
        except XrpcError as error:
            call.answer_status, call.answer = error.status, error.body
        except AssertionError as error:
            failed = internal()
            call.answer_status, call.answer = failed.status, failed.body | {"message": str(error)}
        body = json.dumps(call.answer).encode()
        return web.Response(status=call.answer_status, body=body, headers=headers | {"Content-Type": JSON})

    def _read(self, request: web.Request, call: Call) -> None:
        """The caller, and what it asks. Raises XrpcError."""
        if (call.verb == "POST") != (lexicon.model_of(call.method, "Params") is None):
            raise invalid(f"Incorrect HTTP method ({call.verb})")
        if call.side == "everybody" and call.authorization:
            raise invalid("Nobody signs in here")
        if call.side == "host" and call.method not in UNSIGNED:
            if call.authorization:
                call.reader = self.sessions.enter(call.authorization)
            elif call.method in NEEDS_READER:
                raise unauthorized()
        query = {name: request.query.getall(name) for name in request.query}
        call.query = lexicon.parameters(call.method, query)
        if call.raw:
            if request.content_type != "application/json":
                raise invalid(f"Wrong request encoding (Content-Type): {request.content_type}")
            try:
                given = json.loads(call.raw)
            except ValueError:
                raise invalid("Input is no JSON") from None
            call.body = lexicon.body(call.method, given)
