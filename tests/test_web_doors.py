"""Who comes in, and what they can bring and fetch: by hand-made requests, and in a real browser."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx
import psutil
import pytest
from playwright.async_api import expect

from bot.fronts.web.doors import COOKIE, LARGEST_EVENT, OPERATOR_TAB, STAY_SECONDS, WRONG_SECONDS, Doors
from bot.fronts.web.files import ELSEWHERE
from bot.fronts.web.serving import serve_page
from data.errors import InputError
from data.settings import WebSettings
from tests.browser import PASSWORD, browser, page_backend, page_settings, sign_in, visiting

pytestmark = pytest.mark.timeout(600)  # a browser on a busy machine takes its time

OPEN = "0.0.0.0"
FILE = {"meta": {"_type": "gradio.FileData"}}  # how gradio marks one
PATHS = [
    "/config",
    "/theme.css",
    "/assets/index.js",
    "/gradio_api/info",
    "/gradio_api/queue/data?session_hash=a",
    "/gradio_api/queue/status",
    "/gradio_api/heartbeat/a",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/startup-events",
    "/sign-in/",
    "/sign-in/../config",
    "//sign-in",
    "/sign-in;/config",
    "/nowhere",
]


@contextlib.asynccontextmanager
async def client_of(home: Path, **web: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Of a page that is served; it begins with no cookie and follows no redirect."""
    async with page_backend(page_settings(home, **web)) as backend, serve_page(backend) as address:
        address = address.replace(OPEN, "127.0.0.1")
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as client:
            yield client


async def enter(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/sign-in", data={"password": password})


def files_in(home: Path) -> list[Path]:
    return [path for path in (home / "web").rglob("*") if path.is_file()]


async def raw(client: httpx.AsyncClient, *lines: str) -> str:
    """What comes back for bytes that httpx would not send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer.decode(errors="replace")


def test_others_reach_a_page_only_with_a_password() -> None:
    with pytest.raises(InputError, match="MYNAH_WEB__PASSWORD"):
        Doors(WebSettings(host=OPEN))


async def test_a_page_of_this_machine_is_only_for_itself(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        own = f"127.0.0.1:{client.base_url.port}"
        for host in ("evil.example", f"evil.example:{client.base_url.port}", "127.0.0.1.evil.example", "[", ""):
            assert (await client.get("/config", headers={"Host": host})).status_code in (400, 421), host
        for origin in (
            "http://evil.example",
            "null",
            f"http://{own}.evil.example",
            "http://127.0.0.1:1",
            "http://[",
        ):
            headers = {"Origin": origin}
            assert (await client.get("/config", headers=headers)).status_code == 403, origin
            assert (await client.post("/sign-in", data={"password": PASSWORD}, headers=headers)).status_code == 403
            assert (await client.post("/gradio_api/queue/join", json={}, headers=headers)).status_code == 403
        assert (await client.get("/config", headers={"Origin": f"http://{own}"})).status_code == 200
        assert (await client.get("/config", headers={"Host": "localhost"})).status_code == 200
        upgrade = (
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: YWFhYWFhYWFhYWFhYWFhYQ==",
        )
        for lines in (["Host: evil.example"], [f"Host: {own}", "Origin: http://evil.example"]):
            answer = await raw(client, "GET /gradio_api/queue/join HTTP/1.1", *lines, *upgrade)
            assert answer.startswith(("HTTP/1.1 421", "HTTP/1.1 403")), answer
        # Nobody frames it, and it asks nobody else for anything.
        headers = (await client.get("/")).headers
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_signing_in_and_out(tmp_path: Path) -> None:
    async with client_of(tmp_path, host=OPEN) as client:
        began = time.monotonic()
        wrong = await asyncio.gather(*(enter(client, word) for word in ("", "another word")))
        assert time.monotonic() - began >= 2 * WRONG_SECONDS  # one guess at a time
        assert {answer.status_code for answer in wrong} == {403}
        assert not client.cookies
        assert (await client.post("/sign-in", content=b"password=" + b"x" * 100_000)).status_code == 403

        answer = await enter(client)
        assert answer.headers["location"] == OPERATOR_TAB
        flags = answer.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=strict" in flags
        assert "secure" not in flags  # nothing would bring it back over http
        assert PASSWORD not in flags
        assert (await client.get("/config")).status_code == 200
        token = client.cookies[COOKIE]

        now = time.monotonic()
        later = SimpleNamespace(monotonic=lambda: now + STAY_SECONDS + 1)
        with patch("bot.fronts.web.doors.time", later):
            assert (await client.get("/config")).status_code == 401  # it expires

        assert (await client.post("/sign-out")).status_code == 303
        stolen = await client.get("/config", headers={"Cookie": f"{COOKIE}={token}"})
        assert stolen.status_code == 401  # the server forgot it, too
        secure = await client.post("/sign-in", data={"password": PASSWORD}, headers={"X-Forwarded-Proto": "https"})
        assert "secure" in secure.headers["set-cookie"].lower()


async def test_elsewhere_everything_takes_the_password(tmp_path: Path) -> None:
    async with client_of(tmp_path, host=OPEN) as client:
        port = client.base_url.port
        assert (await client.get("/")).headers["location"] == "/sign-in"
        for path in PATHS:
            answer = await raw(client, f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}")
            assert answer.startswith("HTTP/1.1 401"), (path, answer[:100])
        for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/run/predict", "/", "/sign-out"):
            assert (await client.post(path, files={"files": b"mine"})).status_code == 401, path
        # A host that reads like the door's own address makes no door of another path.
        answer = await raw(client, "GET /config HTTP/1.1", "Host: x/sign-in?")
        assert answer.startswith(("HTTP/1.1 400", "HTTP/1.1 401"))
        upgrade = (
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: YWFhYWFhYWFhYWFhYWFhYQ==",
        )
        answer = await raw(client, "GET /sign-in/ws HTTP/1.1", f"Host: 127.0.0.1:{port}", *upgrade)
        assert answer.startswith("HTTP/1.1 401")
        assert not files_in(tmp_path)


async def test_nothing_but_what_was_brought_can_be_fetched(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        [upload] = (await client.post("/gradio_api/upload", files={"files": ("a.txt", b"mine")})).json()
        assert (await client.get(f"/gradio_api/file={upload}")).content == b"mine"
        store = tmp_path / "mynah.db"
        assert store.exists()
        folder = Path(upload).parents[1]
        for path in (
            f"/gradio_api/file={store}",
            f"/gradio_api/file/{store}",
            f"/gradio_api/file={folder}/../../mynah.db",
            f"/gradio_api/file={folder}/%2e%2e/%2e%2e/mynah.db",
            "/gradio_api/file=/etc/passwd",
            "/gradio_api/file=%2Fetc%2Fpasswd",
            f"/gradio_api/file={folder}/..%2f..%2f..%2f..%2f..%2fetc/passwd",
            "/gradio_api/file=file:///etc/passwd",
            f"/gradio_api/file={folder}",  # nor a list of what others brought
            "/gradio_api/file=http://127.0.0.1:1/",
            "/gradio_api/file/https://example.com/",
            "/gradio_api/proxy=https://a.hf.space/",
            "/gradio_api/deep_link",
            "/monitoring/summary",
        ):
            answer = await raw(client, f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{client.base_url.port}")
            assert answer.startswith(("HTTP/1.1 403", "HTTP/1.1 404")), (path, answer[:200])
        assert (await client.post("/gradio_api/process_recording", files={"video": b"a"})).status_code == 404


async def test_events_take_only_files_that_were_uploaded(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"text": "The fog keeps a ledger."}')
    async with client_of(tmp_path) as client:
        config = (await client.get("/config")).json()
        files = {one["id"] for one in config["components"] if one["type"] == "file"}
        events = [one for one in config["dependencies"] if one["backend_fn"] and one["inputs"]]
        [taking] = [one for one in events if files & set(one["inputs"])]
        outside = {"path": str(secret), **FILE}
        asking = [asked(client, event["id"], [outside] * len(event["inputs"])) for event in events]
        for event, told in zip(events, await asyncio.gather(*asking), strict=True):
            assert ELSEWHERE in told, (event, told)
        unmarked = {"path": str(secret)}  # as gradio once took them
        others = [{"path": path, **FILE} for path in ("https://192.0.2.1/a.zip", "../secret.jsonl", ".", "\0")]
        for wicked in (unmarked, *others):
            told = await asked(client, taking["id"], [wicked, "own", "keeper", False])
            assert ELSEWHERE in told, (wicked, told)
        assert not files_in(tmp_path)
        assert secret.exists()

        [upload] = (await client.post("/gradio_api/upload", files={"files": ("a.jsonl", b"mine")})).json()
        brought = {"path": upload, **FILE}
        assert "Say first whose word allows this" in await asked(client, taking["id"], [brought, None, "", False])


async def asked(client: httpx.AsyncClient, event: int, data: list[Any]) -> str:
    """All that is answered to an event that no page asked for."""
    session = {"session_hash": f"by hand {event}"}
    joining = {"fn_index": event, "data": data, **session}
    assert (await client.post("/gradio_api/queue/join", json=joining)).status_code == 200
    return (await client.get("/gradio_api/queue/data", params=session)).text


async def test_uploads_are_bounded(tmp_path: Path) -> None:
    async with client_of(tmp_path, max_upload_mb=1) as client:
        for size in (2**20 + 1, 3 * 2**20):  # refused by gradio, and before it reads anything
            answer = await client.post("/gradio_api/upload", files={"files": b"x" * size})
            assert answer.status_code == 413
        half = b"x" * (2**20 - 9)
        answer = await client.post("/gradio_api/upload", files=[("files", half)] * 3)
        assert answer.status_code == 413  # many files are no way round

        async def endless() -> AsyncIterator[bytes]:
            yield b"x"

        assert (await client.post("/gradio_api/upload", content=endless())).status_code == 411
        large = json.dumps({"data": ["x" * LARGEST_EVENT]})
        assert (await client.post("/gradio_api/queue/join", content=large)).status_code == 413
        assert not files_in(tmp_path)
        assert (await client.post("/gradio_api/upload", files={"files": half})).status_code == 200
        assert len(files_in(tmp_path)) == 1
    assert not list((tmp_path / "web").iterdir())  # nor does anything stay when the page closes


async def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alive:  # noqa: ASYNC220
        held = tmp_path / "web" / f"{alive.pid}-{psutil.Process(alive.pid).create_time():.2f}"
        left = [tmp_path / "web" / name for name in (f"{alive.pid}-1.00", "999999999-1.00", "1", "what.ever")]
        for folder in (held, *left):
            folder.mkdir(parents=True)
            (folder / "posts.json").write_text("[]")
        async with client_of(tmp_path):
            assert held.exists()
            assert not [folder for folder in left if folder.exists()]
        alive.kill()


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = page_settings(tmp_path, port=taken.getsockname()[1])
        async with page_backend(settings) as backend:
            with pytest.raises(InputError, match="MYNAH_WEB__PORT"):
                await serve_page(backend).__aenter__()


@pytest.mark.slow
async def test_the_operator_signs_in_and_out(tmp_path: Path) -> None:
    async with page_backend(page_settings(tmp_path)) as backend, visiting(backend) as page:
        await page.goto("/sign-in")
        await page.get_by_label("Password").fill("another word")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        await sign_in(page)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.slow
async def test_whatever_gets_into_the_page_can_ask_nobody_else(tmp_path: Path) -> None:
    watching = (
        "new Promise(done => { addEventListener('securitypolicyviolation', event => done(event.blockedURI));"
    )
    async with (
        page_backend(page_settings(tmp_path)) as backend,
        serve_page(backend) as address,
        browser() as opened,
    ):
        page = await opened.new_page()
        await page.goto(address)
        for wicked in ("new Image().src = 'http://192.0.2.1/a.png'", "fetch('http://192.0.2.1/').catch(() => 0)"):
            assert (await page.evaluate(f"{watching} {wicked} }})")).startswith("http://192.0.2.1")
