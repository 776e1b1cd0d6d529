"""Opens the page on this machine's network and closes it again, beside whatever else the process does."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import uvicorn
from fastapi import FastAPI

from bot.fronts.web.backend import WebBackend
from bot.fronts.web.doors import SIGN_IN, SIGN_OUT, Doorkeeper
from data.errors import InputError, MynahError
from data.settings import WebSettings

CLOSING_SECONDS = 1  # most that an open browser holds up the end


class _Server(uvicorn.Server):
    """Leaves Ctrl-C and SIGTERM to those who run the process, and says when it is up, or never will be."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve_page(backend: WebBackend) -> AsyncIterator[str]:
    """Serve the page while the block runs; gives its address.

    Raises InputError where the address can't be had.
    """
    settings = backend.settings.web
    listening = _listen(settings)
    with listening, _uploads(backend.settings.home / "web") as folder:
        # Seconds, that others may want. Where no loop runs, gradio makes some of its own and never closes them.
        application = await asyncio.to_thread(asyncio.run, _application(backend, folder))
        server = _Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=CLOSING_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="serve the page")
        try:
            await server.is_up.wait()
            if not server.started:
                raise MynahError("The page can't be opened; the log has the reason.")
            yield _address(settings, listening)
        finally:
            server.should_exit = True
            await serving


async def _application(backend: WebBackend, folder: Path) -> FastAPI:
    # Read by gradio as it is imported: uploads hold what people wrote in private, so they stay in Mynah's home.
    os.environ |= {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    # Else it keeps statistics, and sums all of them up anew after every event.
    os.environ |= {"GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9), "GRADIO_ANALYTICS_MAX_EVENTS": "1"}
    import gradio as gr  # seconds that no other command should pay

    from bot.fronts.web.look import CSS, theme
    from bot.fronts.web.page import build_page

    app = FastAPI(openapi_url=None)
    app.add_route(SIGN_IN, backend.doors.sign_in, methods=["GET", "POST"])
    app.add_route(SIGN_OUT, backend.doors.sign_out, methods=["POST"])
    app.add_middleware(Doorkeeper, doors=backend.doors)
    gr.mount_gradio_app(
        app,
        build_page(backend),
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=backend.settings.web.max_upload_mb * 2**20,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        show_error=True,  # ours are sentences; see handling.py
        theme=theme(),
        css=CSS,
    )
    return app


@contextlib.contextmanager
def _uploads(parent: Path) -> Iterator[Path]:
    """A folder of this process alone, deleted with all in it; so are those that killed processes left."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        if not _is_held(left.name):
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / _mark(psutil.Process())
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mark(process: psutil.Process) -> str:
    """Names a process for good: a number alone comes again, in a container with each start."""
    return f"{process.pid}-{process.create_time():.2f}"


def _is_held(name: str) -> bool:
    """Whether the process of that mark is at work."""
    try:
        return _mark(psutil.Process(int(name.partition("-")[0]))) == name
    except (ValueError, psutil.Error):
        return False


def _listen(settings: WebSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen()  # only now a port that somebody else bound, too, counts as taken
    except OSError as error:
        listening.close()
        raise InputError(
            f"The page can't be opened at {settings.host}, port {settings.port} ({error.strerror}); set "
            "MYNAH_WEB__PORT to a free port, or to 0 for any."
        ) from None
    return listening


def _address(settings: WebSettings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"
