"""Cancellation at a chosen step, as by a caller who hangs up."""

import asyncio
from collections.abc import Coroutine


async def cut(work: Coroutine[object, object, object], *, after_steps: int) -> None:
    """Cancel `work` after so many steps of the event loop, and wait for its end."""
    task = asyncio.create_task(work)
    for _ in range(after_steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
