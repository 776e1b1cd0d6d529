"""A small model hub on loopback, which an unchanged huggingface_hub pushes to and pulls from.

    async with HubServer() as server:
        api = HfApi(endpoint=server.endpoint, token=server.token)

It speaks the older transfer of large files (LFS), whole and in parts, and not Xet: set HF_HUB_DISABLE_XET. Large
files lie on another host name, as at the real one, and refuse a token there.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .http import Call, Door, Fault
from .routes import Routes
from .state import Account, Blob, Repository, World

__all__ = ["Account", "Call", "Fault", "HubServer", "Repository"]


class HubServer:
    """The server with everything a test does to it; `token` is that of the account `ode`."""

    def __init__(self) -> None:
        self.token = "hf_ode"
        self.world = World({self.token: Account("ode", ("lighthouse",))})
        self.routes = Routes(self.world)
        self.door = Door(self.world, self.routes.table())
        self._runner: web.AppRunner | None = None

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT must hold."""
        return self.routes.origin

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in order."""
        return self.door.calls

    @property
    def environment(self) -> dict[str, str]:
        """For a process of ours that shall use this hub."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HUB_DISABLE_XET": "1",
            "MYNAH_HUB__TOKEN": self.token,
            "MYNAH_OFFLINE": "0",
        }

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self.door.answer)
        # Held calls never end by themselves; without a short timeout they would hold the end for a minute.
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.routes.origin, self.routes.elsewhere = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def repository(self, name: str, files: Mapping[str, bytes], *, private: bool = False) -> Repository:
        """A repository as somebody else has made it."""
        repo = self.world.repositories[name] = Repository(name, private)
        blobs = {file: Blob(content, self.world.is_large(file, len(content))) for file, content in files.items()}
        repo.commit("as it is", blobs)
        return repo

    def folder(self, name: str, folder: Path, **more: bytes) -> Repository:
        """A repository of the files of a folder."""
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        return self.repository(name, files | more)

    def fail(self, method: str, path: str, **fault: Any) -> None:
        """Trouble for the next calls whose method and path fit; what it may be stands in `Fault`."""
        self.door.faults.append(Fault(method, path, **fault))

    async def held(self) -> Call:
        """Wait for the next call that a fault holds."""
        return await self.door.held.get()

    def sent(self, method: str, path: str) -> int:
        """Bytes of bodies that came so far to paths that begin so."""
        return sum(call.received for call in self.calls if call.method == method and call.path.startswith(path))
