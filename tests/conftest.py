"""The Discord on loopback, a plain client in it, and our front in it, for every test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from data.settings import Settings
from tests.discord_clients import Listener, running
from tests.discord_fronts import open_backend, running_front
from tests.discord_server import DiscordServer
from tests.hubs import _exports_here, _hub_server, _place  # noqa: F401 - fixtures, found by name

hypothesis.settings.register_profile("untimed", deadline=None)  # on a busy machine a moment may take a second
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _logs_as_at_first() -> None:
    """A command that an earlier test ran in this process has set its logs up: less would be seen of them."""
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set Mynah up in this folder: none of that is meant for them."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


@pytest.fixture(name="client")
async def _client(server: DiscordServer) -> AsyncIterator[Listener]:
    async with running(server, Listener()) as client:
        yield client


@pytest.fixture(name="backend")
async def _backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with open_backend(Settings(home=tmp_path, _env_file=None)) as backend:
        yield backend


@pytest.fixture(name="front")
async def _front(server: DiscordServer, backend: Backend) -> AsyncIterator[FrontClient]:
    async with running_front(server, backend) as client:
        yield client
