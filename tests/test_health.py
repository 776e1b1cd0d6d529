"""What machines read of the bot: whether it lives, whether it is ready, and its figures."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket
from typing import Any

import aiohttp
from structlog.testing import capture_logs

from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.connection import Connection
from bot.fronts.social.watched import WatchedPlatform
from bot.gates import Reason
from bot.health import Front, Health, health_server
from bot.metrics import Metrics
from bot.shelf import VoiceShelf
from data.settings import HealthSettings
from data.store import Charge, NewDraft, RunWish
from tests.discord_fronts import BabblingEngine
from tests.social_doubles import ScriptedPlatform


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(backend: Backend, connection: Connection, **others: Front) -> AsyncIterator[str]:
    """The address of a health server over the backend's store."""
    shelf = VoiceShelf(BabblingEngine(), 10)
    health = Health(backend.store, shelf, backend.metrics, {"discord": connection, **others})
    async with health_server(HealthSettings(port=free_port()), health) as address:
        yield address


async def get(address: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


async def test_ready_when_the_store_answers_and_discord_is_there(backend: Backend, front: FrontClient) -> None:
    connection = Connection()
    async with served(backend, connection) as address:
        assert await get(f"{address}/healthz") == (200, "ok\n")
        status, told = await get(f"{address}/readyz")
        assert (status, told["ready"], told["parts"]) == (503, False, {"discord": False, "store": True})
        connection.carried_by(front)
        await backend.store.runs.beat("a trainer", 1)
        status, told = await get(f"{address}/readyz")
        assert status == 200
        assert told == {"ready": True, "parts": {"discord": True, "store": True}, "trainers": 1}
        await front.close()
        assert (await get(f"{address}/readyz"))[0] == 503
        assert (await get(f"{address}/healthz"))[0] == 200


async def test_every_front_has_to_be_there(backend: Backend, front: FrontClient) -> None:
    connection = Connection()
    connection.carried_by(front)
    x, bluesky = (WatchedPlatform(ScriptedPlatform(name), backend.metrics) for name in ("x", "bluesky"))
    await bluesky.account()
    async with served(backend, connection, x=x, bluesky=bluesky) as address:
        status, told = await get(f"{address}/readyz")
        assert (status, told["parts"]) == (503, {"discord": True, "x": False, "bluesky": True, "store": True})
        await x.account()
        assert (await get(f"{address}/readyz"))[0] == 200
        _, text = await get(f"{address}/metrics")
        assert 'mynah_platform_connected{platform="x"} 1.0' in text.splitlines()


async def test_a_store_that_does_not_answer_is_not_ready(
    backend: Backend, front: FrontClient, tmp_path: Path
) -> None:
    connection = Connection()
    connection.carried_by(front)
    with sqlite3.connect(tmp_path / "mynah.db") as file:
        file.execute("DROP TABLE trainers")
    file.close()
    async with served(backend, connection) as address:
        with capture_logs() as logs:
            status, told = await get(f"{address}/readyz")
        assert (status, told["parts"], told["trainers"]) == (503, {"discord": True, "store": False}, None)
        assert [entry["log_level"] for entry in logs] == ["warning"]
        assert (await get(f"{address}/healthz"))[0] == 200


async def test_the_figures_are_those_of_this_moment(backend: Backend) -> None:
    await backend.store.runs.enqueue(RunWish("key", ("keeper",), "builtin", {}, "test"))
    await backend.store.inbox.enter("discord:1", "discord:2", "discord:3")
    await backend.store.drafts.enter(NewDraft("one", "x", "keeper"))
    await backend.store.drafts.enter(NewDraft("two", "x", "keeper", reply_to="7"))
    limits = {"day_limit": 10**6, "month_limit": 10**6}
    await backend.store.ledger.reserve("x", "mentions", "post read", 500_000, **limits)
    await backend.store.ledger.settle("x", "account", [Charge("user read", "1", 10_000)], writing=False)
    backend.metrics.replies.labels("discord").inc()
    backend.metrics.rejected = backend.imitator.rejected
    backend.imitator.rejected[Reason.LINK] += 3
    backend.metrics.generate_seconds.observe(0.3)
    async with served(backend, Connection()) as address:
        status, text = await get(f"{address}/metrics")
    assert status == 200
    lines = text.splitlines()
    for line in (
        'discord_connected{shard="0"} 0.0',
        "mynah_train_queue_depth 1.0",
        "mynah_trainers 0.0",
        "mynah_mentions_waiting 1.0",
        "mynah_voices_loaded 0.0",
        'mynah_replies_total{front="discord"} 1.0',
        'mynah_rejected_total{reason="link"} 3.0',
        'mynah_drafts{state="due"} 2.0',
        'mynah_spent_dollars{platform="x"} 0.51',
        'mynah_generate_seconds_bucket{le="0.5"} 1.0',
        "mynah_generate_seconds_count 1.0",
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    assert "_created" not in text


async def test_a_taken_port_is_a_warning(backend: Backend) -> None:
    async with served(backend, Connection()) as address:
        taken = HealthSettings(port=int(address.rpartition(":")[2]))
        health = Health(backend.store, VoiceShelf(BabblingEngine(), 10), Metrics(), {})
        with capture_logs() as logs:
            async with health_server(taken, health) as second:
                assert second == ""
        assert [entry["log_level"] for entry in logs] == ["warning"]
        assert "MYNAH_HEALTH__PORT" in logs[0]["event"]
        assert (await get(f"{address}/healthz"))[0] == 200


async def test_port_0_turns_it_off(backend: Backend) -> None:
    health = Health(backend.store, VoiceShelf(BabblingEngine(), 10), Metrics(), {})
    with capture_logs() as logs:
        async with health_server(HealthSettings(port=0), health) as address:
            assert address == ""
    assert logs == []
