"""The Discord on loopback and a client in it, for every test that asks for them."""

from collections.abc import AsyncIterator

import pytest

from tests.discord_clients import Listener, running
from tests.discord_server import DiscordServer


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


@pytest.fixture(name="client")
async def _client(server: DiscordServer) -> AsyncIterator[Listener]:
    async with running(server, Listener()) as client:
        yield client
