"""The HTTP door: each call is logged with the bytes that really came, then meets faults, and then its handler."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .state import Account, World

CHUNK = 64 * 1024


class HubError(Exception):
    """A refusal as the hub words it."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass
class Fault:
    """What happens to the calls that it fits. `after` counts bytes of the body, in or out, before it happens."""

    method: str
    path: str  # regular expressions, both, of the whole
    times: int = 1
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hold: bool = False  # the server falls silent for good
    after: int | None = None
    late: bool = False  # the work is done, only its answer is lost


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    account: Account | None
    body: bytes = b""
    received: int = 0  # bytes of the body that came
    status: int = 0  # 0: the line was cut, or it is not over

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def writer(self) -> Account:
        """Who may write. Raises HubError for others."""
        if self.account is None:
            raise HubError(401, "Invalid username or password.")
        if not self.account.writes:
            raise HubError(403, "You don't have the rights to do that with this token")
        return self.account


Handler = Callable[[Call, dict[str, str]], web.StreamResponse]


class Door:
    """Routes by regular expression, first fit first."""

    def __init__(self, world: World, table: dict[tuple[str, str], Handler]) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.held: asyncio.Queue[Call] = asyncio.Queue()
        self._table = [(method, re.compile(path), handler) for (method, path), handler in table.items()]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        account = self.world.accounts.get(token)
        call = Call(request.method, request.path, dict(request.query), dict(request.headers), account)
        self.calls.append(call)
        fault = self._fault(call)
        if not await self._read(request, call, fault):
            return web.Response()
        if fault is not None and fault.hold and fault.after is None:
            await self._hold(call)
        if token and account is None:
            response: web.StreamResponse = _refusal(HubError(401, "Invalid credentials in Authorization header"))
        elif fault is not None and fault.status is not None and not fault.late:
            response = web.Response(status=fault.status, body=fault.body, headers=fault.headers)
        else:
            response = self._work(call)
        if fault is not None and (fault.late or (fault.cut and fault.after is None)):
            assert request.transport is not None
            request.transport.abort()
            return response
        call.status = response.status
        if fault is not None and fault.after is not None and isinstance(response, web.Response):
            return await _half(request, response, fault.after)
        return response

    def _fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if re.fullmatch(fault.method, call.method) and re.fullmatch(fault.path, call.path):
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    async def _read(self, request: web.Request, call: Call, fault: Fault | None) -> bool:
        """The body, as far as a fault lets it come."""
        parts = []
        async for part in request.content.iter_chunked(CHUNK):
            parts.append(part)
            call.received += len(part)
            if fault is not None and fault.after is not None and call.received >= fault.after:
                if fault.hold:
                    await self._hold(call)
                assert request.transport is not None
                request.transport.abort()
                return False
        call.body = b"".join(parts)
        return True

    async def _hold(self, call: Call) -> None:
        self.held.put_nowait(call)
        await asyncio.Event().wait()  # ended by the server's own end

    def _work(self, call: Call) -> web.StreamResponse:
        method = "GET" if call.method == "HEAD" else call.method
        for known, path, handler in self._table:
            if known == method and (match := path.fullmatch(call.path)):
                try:
                    return handler(call, match.groupdict())
                except HubError as error:
                    return _refusal(error)
        return _refusal(HubError(404, "Not Found"))


async def _half(request: web.Request, response: web.Response, length: int) -> web.StreamResponse:
    """The answer's head in full, its body cut off."""
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    body = response.body
    assert isinstance(body, bytes)
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[:length])
    await asyncio.sleep(0.05)  # else the client may find the line dead before it has read that
    assert request.transport is not None
    request.transport.abort()
    return stream


def _refusal(error: HubError) -> web.Response:
    headers = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
    return web.json_response({"error": error.message}, status=error.status, headers=headers)
