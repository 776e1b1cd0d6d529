"""Who comes in: the page's own address and origin only, and a password for the operator's part.

On another address than this machine's own the whole page takes the password. A page of somebody else, open in the
same browser, can reach a server on this machine; so requests are taken only under its own name (a name of theirs
may point here) and from its own origin, and no other page may frame this one. What gradio serves beyond what the
page needs is closed.
"""

import asyncio
import hmac
import re
import secrets
import time
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data.errors import InputError, RefusedError
from data.settings import WebSettings

COOKIE = "mynah_operator"
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
OPERATOR_TAB = "/?tab=operator"
STAY_SECONDS = 12 * 3600.0
WRONG_SECONDS = 1.0  # a guess takes so long, and one is taken at a time
LONGEST_FORM = 4096  # bytes
LARGEST_EVENT = 4 * 2**20  # bytes of what the page sends when something is clicked; files go another way
UPLOAD = "/gradio_api/upload"
FRAME = 2**20  # bytes that an upload has beside its file

# These let the page's server fetch from other hosts, keep recordings, and keep what somebody has typed.
_CLOSED = re.compile(r"(/gradio_api/(proxy=|process_recording|deep_link|file[=/](?!/)))|/monitoring")
# The page itself can't fetch from elsewhere either, and can't be put into a frame for somebody to click unawares.
_MANNERS = {
    b"content-security-policy": b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; base-uri 'self'; "
    b"form-action 'self'; frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}

_FORM = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mynah: sign in</title><style>
:root { color-scheme: light dark }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
input, button { font: inherit; width: 100%; padding: .6rem; margin-top: .6rem; box-sizing: border-box }
button { background: #1f6f6b; color: white; border: 0; border-radius: .4rem }
p { color: #b3261e }
</style></head><body><h1>Mynah</h1><form method="post">
<label for="password">Operator's password</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>
<button>Sign in</button>{% if wrong %}<p role="alert">{{ wrong }}</p>{% endif %}</form></body></html>
""")


class Doors:
    """Knows who has signed in; forgets it when the process ends."""

    def __init__(self, settings: WebSettings) -> None:
        """Raises InputError where the page would be open to others without a password."""
        self._password = settings.password.get_secret_value()
        self.private = is_loopback(settings.host)
        self._largest_upload = settings.max_upload_mb * 2**20 + FRAME
        if not self.private and not self._password:
            raise InputError(
                f"On {settings.host} others reach the page too, so it takes a password: set MYNAH_WEB__PASSWORD, "
                "or leave MYNAH_WEB__HOST at 127.0.0.1."
            )
        self._signed_in: dict[str, float] = {}  # until when, by token
        self._guessing = asyncio.Lock()

    @property
    def has_password(self) -> bool:
        """Without one nobody can be the operator here."""
        return bool(self._password)

    def is_operator(self, connection: HTTPConnection) -> bool:
        """Whether this browser has signed in; a gradio request serves as well, as `request.request`."""
        return self._signed_in.get(connection.cookies.get(COOKIE, ""), 0.0) > time.monotonic()

    def refuse_stranger(self, connection: HTTPConnection) -> None:
        """Raises RefusedError where this browser has not signed in."""
        if not self.has_password:
            raise RefusedError("Set MYNAH_WEB__PASSWORD and start the page again: this part takes a password.")
        if not self.is_operator(connection):
            raise RefusedError("Sign in first, under Operator.")

    def largest(self, path: str) -> int:
        """Bytes that a request to this path may bring."""
        return self._largest_upload if path.rstrip("/") == UPLOAD else LARGEST_EVENT

    async def sign_in(self, request: Request) -> Response:
        """The form, and what it sends."""
        if request.method == "GET":
            return HTMLResponse(_FORM.render(wrong="" if self.has_password else "MYNAH_WEB__PASSWORD is not set."))
        form = parse_qs((await _bounded(request)).decode(errors="replace"))
        async with self._guessing:
            if not self._is_right(form.get("password", [""])[0]):
                await asyncio.sleep(WRONG_SECONDS)
                return HTMLResponse(_FORM.render(wrong="That is not the password."), status_code=403)
        now = time.monotonic()
        self._signed_in = {token: until for token, until in self._signed_in.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._signed_in[token] = now + STAY_SECONDS
        response = RedirectResponse(OPERATOR_TAB, status_code=303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
        return response

    async def sign_out(self, request: Request) -> Response:
        self._signed_in.pop(request.cookies.get(COOKIE, ""), None)
        response = RedirectResponse(OPERATOR_TAB, status_code=303)
        response.delete_cookie(COOKIE)
        return response

    def _is_right(self, password: str) -> bool:
        return self.has_password and hmac.compare_digest(password.encode(), self._password.encode())


class Doorkeeper:
    """Stands before the whole page, as ASGI middleware."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_manners(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_MANNERS.items()]
            await send(message)

        refusal = self._refusal(HTTPConnection(scope))
        await (refusal or self._app)(scope, receive, send_with_manners)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        if self._doors.private and not is_loopback(_host(connection.headers)):
            return PlainTextResponse("This page is only at its own address on this machine.", status_code=421)
        if not _is_own_origin(connection.headers):
            return PlainTextResponse("Another site may not use this page.", status_code=403)
        path: str = connection.scope["path"]  # what decides who answers; an address made of it could differ
        if not (self._doors.private or path == SIGN_IN or self._doors.is_operator(connection)):
            if connection.scope.get("method") == "GET" and path == "/":
                return RedirectResponse(SIGN_IN, status_code=303)
            return PlainTextResponse("Sign in first.", status_code=401)
        if _CLOSED.match(path):
            return PlainTextResponse("There is nothing here.", status_code=404)
        return self._refusal_of_size(connection.headers, self._doors.largest(path))

    def _refusal_of_size(self, headers: Headers, largest: int) -> Response | None:
        if "transfer-encoding" in headers:  # browsers say how much they send
            return PlainTextResponse("Say how long it is.", status_code=411)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > largest:
            return PlainTextResponse(
                f"That is larger than the {largest // 2**20} MB that are taken.", status_code=413
            )
        return None


def is_loopback(host: str) -> bool:
    """Whether a host as in an address is this machine's own: "localhost", "127.0.0.1", "::1"."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host(headers: Headers) -> str:
    """Without its port; empty for what is none."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_own_origin(headers: Headers) -> bool:
    """A request without an origin comes from no other page: from a typed address, a link or a program."""
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False


async def _bounded(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body = (body + chunk)[:LONGEST_FORM]
    return body
