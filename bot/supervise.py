"""What keeps long-lived things alive: the waits between starts, a trainer process, an end without fuss."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator

import structlog

RESTART_SECONDS = (1, 2, 5, 15, 60)  # what can't start must not spin
HEALTHY_SECONDS = 60  # after this long a failure counts as the first again

log = structlog.get_logger()


class Patience:
    """How long to wait before the next start: longer with each failure, short again after a minute of health."""

    def __init__(self) -> None:
        self.failures = 0  # in a row

    def after(self, ran: float) -> float:
        """Seconds to wait, now that what ran for `ran` seconds has ended."""
        self.failures = 1 if ran > HEALTHY_SECONDS else self.failures + 1
        return RESTART_SECONDS[min(self.failures, len(RESTART_SECONDS)) - 1]


@contextlib.asynccontextmanager
async def until_sigterm() -> AsyncIterator[None]:
    """SIGTERM ends the block as if it had come to its end; what it holds open is closed."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    told = False

    def end() -> None:
        nonlocal told
        if not told:  # a second one must not break the closing
            told = True
            task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        yield
    except asyncio.CancelledError:
        if not told:
            raise
        task.uncancel()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


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
    patience = Patience()
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
        wait = patience.after(loop.time() - started)
        log.error("trainer ended, starting it again", code=code, wait=wait)
        await asyncio.sleep(wait)
