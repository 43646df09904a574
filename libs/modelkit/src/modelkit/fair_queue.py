"""Queue of the requests for one model: bounded and fair to callers."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from servicekit.errors import Overloaded, Unavailable
from servicekit.telemetry import SPAN_QUEUE, SPAN_TASK, TaskMetrics
from servicekit.tracing.steps import add_step
from servicekit.turns import CALLER, FairSemaphore

Result = TypeVar("Result")


class FairQueue:
    """Semaphore for the work on requests, whose callers take turns.

    A full queue takes the request of a caller with fewer waiting requests than another one has,
    and refuses the newest request of the caller who has most.

    Args:
        name: Of the model, in messages to callers and in traces.
        places: Requests that are worked on at once.
        reserved: Further places, for callers with less than an equal share of all.
        max_waiting: Most requests that wait, of all callers together.
        metrics: Times of waits, and counters of cancels.
    """

    def __init__(
        self, name: str, *, places: int, max_waiting: int, metrics: TaskMetrics, reserved: int = 0
    ) -> None:
        self._name = name
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._turns = FairSemaphore(
            places + reserved, reserved=reserved, report_waiting=metrics.waiting.set
        )
        self._is_closed = False

    async def serve(
        self,
        # Any: a coroutine is asked for nothing but its result.
        work: Callable[[], Coroutine[Any, Any, Result]],
        *,
        caller: str,
    ) -> Result:
        """Run `work` in the caller's turn; return its result or raise its error.

        A request that is cancelled, as at its deadline, leaves at once. Work that has begun is
        cancelled with it, but keeps its place until it has ended: until then it holds memory.

        Args:
            work: Not called for a request that has left.
            caller: Name of the caller; callers share the places fairly.

        Raises:
            Overloaded: `max_waiting` requests wait already.
            Unavailable: The queue is closed.
        """
        began_s = monotonic()
        try:
            await self._take_place(caller)
            add_step(SPAN_QUEUE, began_s=began_s, attributes={SPAN_TASK: self._name})
            CALLER.set(caller)
            task = asyncio.create_task(work())
            task.add_done_callback(partial(self._pass_place, caller))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                task.cancel()
                raise
        except asyncio.CancelledError:
            self._metrics.cancelled.inc()
            raise

    def close(self) -> None:
        """Refuse waiting and new requests; work that has begun goes on."""
        self._is_closed = True
        self._turns.refuse(self._closed)

    async def _take_place(self, caller: str) -> None:
        if self._is_closed:
            raise self._closed()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        is_full = not self._turns.is_free(caller) and self._turns.waiting >= self._max_waiting
        if is_full and not self._turns.displace(caller, self._full()):
            raise self._full()
        await self._turns.acquire(caller)
        self._metrics.queue_seconds.observe(loop.time() - began_s)

    # Any: of the work only its end matters here.
    def _pass_place(self, caller: str, ended: asyncio.Task[Any]) -> None:
        if not ended.cancelled():
            ended.exception()  # marks it as retrieved, for a caller that is gone
        self._turns.release(caller)

    def _full(self) -> Overloaded:
        return Overloaded(
            f"{self._name} has {self._max_waiting} requests in its queue, the limit; "
            "try again later"
        )

    def _closed(self) -> Unavailable:
        return Unavailable(f"{self._name} is shutting down; try again later")
