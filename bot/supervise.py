"""`mynah run`: one trainer process kept alive beside the front in this one."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import structlog

RESTART_SECONDS = (1, 2, 5, 15, 60)  # a trainer that can't start must not spin
HEALTHY_SECONDS = 60  # after this long a crash counts as the first again

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def trainer_process() -> AsyncIterator[None]:
    """Keep `mynah trainer` running while the block does; at its end the trainer puts its run back and stops."""
    keeper = asyncio.create_task(_keep(), name="keep the trainer")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _keep() -> None:
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "trainer", stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
            raise
        failures = 0 if loop.time() - started > HEALTHY_SECONDS else failures
        wait = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
        failures += 1
        log.error("trainer ended, starting it again", code=code, wait=wait)
        await asyncio.sleep(wait)
