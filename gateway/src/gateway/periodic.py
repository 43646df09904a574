"""Periodic tasks of the gateway: supervised, retried with back-off, visible in /readyz and metrics.

A task never ends by itself: whatever it raises is logged, and it runs again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from attrs import define, field

from gateway.database.engine import DatabaseUnavailable
from servicekit.logs import get_logger
from servicekit.telemetry import PeriodicMetrics

# A task returns nothing, or the time until it wants to run again, in seconds.
Task = Callable[[], Awaitable[object]]

_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 60.0

T = TypeVar("T")

_log = get_logger("periodic")


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which runs to its end although its caller is cancelled.

    A transaction that is cut leaves a connection that nobody closes.
    """
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


@define(eq=False)
class PeriodicTasks:
    """Runs tasks again and again."""

    _metrics: PeriodicMetrics
    # Wait after the first failure; it doubles with each further one.
    _retry_s: float = _FIRST_RETRY_S
    _failures: dict[str, int] = field(factory=dict, init=False)

    @property
    def failing(self) -> list[str]:
        """Names of the tasks whose last run failed."""
        return sorted(name for name, count in self._failures.items() if count)

    @asynccontextmanager
    async def repeating(
        self,
        tasks: Mapping[str, Task],
        *,
        every_s: float,
        at_the_end: bool = False,
        wake: asyncio.Event | None = None,
    ) -> AsyncIterator[None]:
        """Run each of `tasks` now and every so often, until the context ends.

        Args:
            tasks: by name; none waits for another.
            every_s: time between two runs, in seconds; a number that a task returns goes before.
            at_the_end: run each once more when the context ends.
            wake: runs the tasks at once when it is set.
        """
        running = [
            asyncio.create_task(self._repeat(name, task, every_s, wake))
            for name, task in tasks.items()
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            if at_the_end:
                for name, last in tasks.items():
                    await self._run(name, last, every_s)

    async def _repeat(
        self, name: str, task: Task, every_s: float, wake: asyncio.Event | None
    ) -> None:
        while True:
            if wake is not None:
                wake.clear()
            wait_s = await self._run(name, task, every_s)
            try:
                async with asyncio.timeout(wait_s):
                    await (asyncio.Event() if wake is None else wake).wait()
            except TimeoutError:
                continue

    async def _run(self, name: str, task: Task, every_s: float) -> float:
        """Run a task once and return how long it waits, in seconds."""
        try:
            wanted_s = await task()
        except Exception as error:  # noqa: BLE001 - the edge of a task: it must not end
            self._metrics.failures.labels(name).inc()
            self._count(name, self._failures.get(name, 0) + 1)
            if isinstance(error, DatabaseUnavailable):
                _log.warning("periodic task failed", task=name, reason=error.reason)
            else:
                _log.exception("periodic task failed", task=name)
            longest_s = min(every_s, _LAST_RETRY_S)
            return float(min(longest_s, self._retry_s * 2 ** (self._failures[name] - 1)))
        self._count(name, 0)
        return wanted_s if isinstance(wanted_s, float) else every_s

    def _count(self, name: str, failures: int) -> None:
        self._failures[name] = failures
        self._metrics.failing.labels(name).set(failures > 0)
