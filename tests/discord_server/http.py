"""The HTTP door: each call is logged, then meets faults, authorization, rate limits, and its handler."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from .errors import ApiError, unauthorized, unknown_route
from .faults import Fault, Faults
from .limits import Limits, too_many
from .messages import Attachment
from .state import Payload
from .world import World

API = "/api/v10"
JSON = "application/json"  # Discord names no charset, and discord.py reads JSON only from exactly this type
NO_CONTENT = None  # what a handler returns for a 204
Answer = Payload | list[Payload] | None
Handler = Callable[["Call"], Awaitable[Answer]]
# The routes that carry their own secret in the path.
_OPEN_PREFIXES = ("/interactions/", "/webhooks/{id}/{token}")


@dataclass
class Call:
    """One request as it came, and with what status it was answered."""

    method: str
    path: str  # without the API prefix
    route: str  # the template that matched
    parameters: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    payload: Any = None
    files: list[Attachment] = field(default_factory=list)
    status: int = 0  # 0: the line was cut

    def number(self, name: str) -> int:
        """A path parameter that is an identifier."""
        return int(self.parameters[name])

    @property
    def major(self) -> str:
        """The parameter that Discord counts rate limits by."""
        parameters = self.parameters
        token = parameters.get("token", "")
        return parameters.get("channel") or parameters.get("guild") or f"{parameters.get('id', '')}{token}"


@dataclass
class Api:
    """Turns handlers into routes, with everything that all routes share."""

    world: World
    origin: str = ""  # set once the port is known
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    requests: list[Call] = field(default_factory=list)

    def application(self, routes: dict[tuple[str, str], Handler]) -> web.Application:
        """An application with the REST routes under the API prefix and the stored files under `/cdn`."""
        app = web.Application(client_max_size=32 << 20)
        for (method, template), handler in routes.items():
            app.router.add_route(method, API + template, self._route(template, handler))
        app.router.add_get("/cdn/{id}/{filename}", self._file)
        app.router.add_route("*", API + "/{path:.*}", self._route("", _unknown))
        return app

    def _route(self, template: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            call = await self._read(request, template)
            return await self._respond(request, call, lambda: self._answer(call, handler))

        return answer

    async def _file(self, request: web.Request) -> web.Response:
        call = await self._read(request, "/cdn")
        return await self._respond(request, call, lambda: self._stored(call))

    async def _respond(
        self, request: web.Request, call: Call, produce: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """Logs the call; trouble that was ordered for it comes before, after or instead of its work."""
        self.requests.append(call)
        fault = self.faults.take(call.method, call.path) or Fault(call.method, call.path)
        await asyncio.sleep(fault.delay)
        works = fault.after_effect or (fault.status is None and not fault.cut)
        response = await produce() if works else web.Response()
        if fault.cut:
            assert request.transport is not None
            request.transport.abort()
            return response
        if fault.status is not None:
            kind = {"Content-Type": "text/html" if isinstance(fault.body, str) else JSON}
            body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
            response = web.Response(status=fault.status, body=body.encode(), headers={**fault.headers, **kind})
        call.status = response.status
        return response

    async def _answer(self, call: Call, handler: Handler) -> web.Response:
        if (
            not call.route.startswith(_OPEN_PREFIXES)
            and call.headers.get("Authorization") != f"Bot {self.world.token}"
        ):
            return _json(unauthorized().wire(), 401, {})
        headers, wait = self.limits.spend(call.method, call.route, call.major)
        if wait is not None:
            scope = {"Via": "1.1 google", "Retry-After": str(int(wait) + 1), "X-RateLimit-Scope": "user"}
            return _json(too_many(wait), 429, headers | scope)
        try:
            body = await handler(call)
        except ApiError as error:
            return _json(error.wire(), error.status, headers)
        return web.Response(status=204, headers=headers) if body is NO_CONTENT else _json(body, 200, headers)

    async def _read(self, request: web.Request, route: str) -> Call:
        call = Call(
            request.method,
            request.path.removeprefix(API),
            route,
            dict(request.match_info),
            dict(request.query),
            dict(request.headers),
        )
        if request.content_type == "application/json":
            call.payload = await request.json()
        elif request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)  # Discord's forms aren't nested
                if part.name == "payload_json":
                    call.payload = json.loads(await part.text())
                else:
                    kind = part.headers.get("Content-Type", "application/octet-stream")
                    data = bytes(await part.read())
                    call.files.append(Attachment(part.filename or "file", data, self.origin, kind))
        return call

    async def _stored(self, call: Call) -> web.Response:
        """The content of an attachment, from what a person or the bot uploaded."""
        attachment = self.world.attachments.get(call.number("id"))
        if attachment is None or attachment.filename != call.parameters["filename"]:
            return web.Response(status=404)
        return web.Response(body=attachment.data, content_type=attachment.content_type)


async def _unknown(call: Call) -> Answer:
    raise unknown_route()


def _json(body: Payload | list[Payload], status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers | {"Content-Type": JSON})
