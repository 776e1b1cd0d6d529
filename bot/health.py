"""Where machines read how the bot is: /healthz, /readyz and /metrics, on loopback unless set otherwise."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.metrics import Metrics
from bot.shelf import VoiceShelf
from bot.training import TRAINER_IS_ALIVE_SECONDS
from data.settings import HealthSettings
from data.store import Store
from data.store.ledger import MICRO, today

STORE_SECONDS = 2.0  # a store that takes longer does not answer
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger()


class Front(Protocol):
    """Where people meet the bot: Discord, X, Bluesky."""

    @property
    def connected(self) -> bool:
        """Whether people there get answers now, as far as is known."""
        ...

    def measure(self, metrics: Metrics) -> None:
        """Set the front's gauges to what is true now."""
        ...


@dataclass(frozen=True)
class Health:
    """What is looked at when somebody asks; nothing is measured in between."""

    store: Store
    shelf: VoiceShelf
    metrics: Metrics
    fronts: Mapping[str, Front]

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether people get answers now, and each part of it; the trainers count is for information."""
        parts = {name: front.connected for name, front in self.fronts.items()}
        trainers: int | None = None
        try:
            async with asyncio.timeout(STORE_SECONDS):
                trainers = await self.store.runs.live_trainers(TRAINER_IS_ALIVE_SECONDS)
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            log.warning("the store does not answer", why=repr(error))
        parts["store"] = trainers is not None
        ready = all(parts.values())
        return ready, {"ready": ready, "parts": parts, "trainers": trainers}

    async def measured(self) -> bytes:
        """The metrics as they are now, in Prometheus's text format."""
        for front in self.fronts.values():
            front.measure(self.metrics)
        runs = self.store.runs
        self.metrics.queue_depth.set(sum(run.state == "queued" for run in await runs.active()))
        self.metrics.trainers.set(await runs.live_trainers(TRAINER_IS_ALIVE_SECONDS))
        self.metrics.mentions_waiting.set(len(await self.store.inbox.waiting()))
        self.metrics.voices_loaded.set(len(self.shelf.loaded))
        await self._measure_posting()
        return self.metrics.text()

    async def _measure_posting(self) -> None:
        self.metrics.drafts.clear()
        for state, count in (await self.store.drafts.counts()).items():
            self.metrics.drafts.labels(state).set(count)
        self.metrics.spent.clear()
        for spent in await self.store.ledger.history(today()[:7]):
            self.metrics.spent.labels(spent.platform).inc(spent.microdollars / MICRO)


@asynccontextmanager
async def health_server(settings: HealthSettings, health: Health) -> AsyncIterator[str]:
    """Serve while the block runs; gives the address, empty where it is turned off or its port is taken."""
    runner = web.AppRunner(_application(health), shutdown_timeout=1, access_log=None)
    await runner.setup()
    try:
        yield await _listen(runner, settings)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: HealthSettings) -> str:
    if not settings.port:
        return ""
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:  # the bot is worth more than its thermometer
        log.warning(
            "no health address: set MYNAH_HEALTH__PORT to a free port, or to 0",
            host=settings.host,
            port=settings.port,
            why=error.strerror or str(error),
        )
        return ""
    return f"http://{settings.host}:{settings.port}"


def _application(health: Health) -> web.Application:
    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        is_ready, parts = await health.readiness()
        return web.json_response(parts, status=200 if is_ready else 503)

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=await health.measured(), headers={"Content-Type": PROMETHEUS_TEXT})

    app = web.Application()
    app.add_routes([web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", metrics)])
    return app
