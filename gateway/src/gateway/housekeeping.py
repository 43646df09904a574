"""Upkeep beside the requests: what is done again and again while the gateway runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from obstore.exceptions import BaseError as ObstoreError
from sqlalchemy.exc import SQLAlchemyError

from gateway.problems import Problem
from servicekit.logs import get_logger

Upkeep = Mapping[str, Callable[[], Awaitable[object]]]

_log = get_logger("gateway")


@asynccontextmanager
async def repeating(
    upkeep: Upkeep, *, every_s: float, at_the_end: bool = False
) -> AsyncIterator[None]:
    """Run the functions of `upkeep` now, every `every_s` seconds, and once more at the end.

    One that fails is logged by its name and does not keep the others from running.
    """
    task = asyncio.create_task(_repeat(upkeep, every_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if at_the_end:
            await _run(upkeep)


async def _repeat(upkeep: Upkeep, every_s: float) -> None:
    while True:
        await _run(upkeep)
        await asyncio.sleep(every_s)


async def _run(upkeep: Upkeep) -> None:
    for name, run in upkeep.items():
        try:
            await run()
        except (Problem, SQLAlchemyError, OSError, ObstoreError):
            _log.exception("upkeep failed", upkeep=name)
