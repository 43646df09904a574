"""What the gateway does beside its requests: chores that are done again and again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from obstore.exceptions import BaseError as ObstoreError
from sqlalchemy.exc import SQLAlchemyError

from gateway.problems import Problem
from servicekit.logs import get_logger

Chore = Callable[[], Awaitable[object]]

_log = get_logger("gateway")


@asynccontextmanager
async def doing(chores: Mapping[str, Chore], *, every_s: float) -> AsyncIterator[None]:
    """Do the chores now, every so often, and once more at the end.

    A chore that fails is logged by its name and does not keep the others from being done.
    """
    task = asyncio.create_task(_do_for_ever(chores, every_s))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await _do(chores)


async def _do_for_ever(chores: Mapping[str, Chore], every_s: float) -> None:
    while True:
        await _do(chores)
        await asyncio.sleep(every_s)


async def _do(chores: Mapping[str, Chore]) -> None:
    for name, chore in chores.items():
        try:
            await chore()
        except (Problem, SQLAlchemyError, OSError, ObstoreError):
            _log.exception("chore failed", chore=name)
