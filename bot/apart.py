"""Work in a process of its own, because it needs torch, which the bot must never load."""

import asyncio
import sys
from collections.abc import Mapping

import structlog

from data.errors import MynahError

log = structlog.get_logger()


async def run_apart(
    module: str, *arguments: str, failure: str, sentence: str, environment: Mapping[str, str] | None = None
) -> None:
    """`python -m module arguments`, in our own environment if none is given; whoever stops waiting ends it.

    Raises MynahError with the sentence where it fails; what it complained of is logged under the name `failure`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:  # whoever waits is being stopped
            process.kill()
            await process.wait()
    if process.returncode:
        complaints = errors.decode(errors="replace")
        log.error(failure, arguments=arguments, code=process.returncode, errors=complaints)
        raise MynahError(sentence)
