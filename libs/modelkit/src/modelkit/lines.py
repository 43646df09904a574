"""Queue before a model: bounded, fair between callers, left at once by requests that end."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from servicekit.errors import DeadlineExceeded, Overloaded, Unavailable
from servicekit.telemetry import TaskMetrics
from servicekit.turns import CALLER, FairSemaphore

Result = TypeVar("Result")


class FairLine:
    """Lets a number of requests in at once; the others wait, and the callers take turns.

    A full queue takes the request of a caller with fewer waiting requests than another one has,
    and refuses the newest request of the caller who has most.

    Args:
        name: Of the model, in the messages to callers.
        places: Requests that are worked on at once.
        reserved: Further places, for callers with less than an equal share of all.
        max_waiting: Most requests in line behind them, of all callers together.
        metrics: Where waits, refusals and cancels are counted.
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
        timeout_s: float | None,
    ) -> Result:
        """Do `work` when it is the caller's turn; return what it returns, raise what it raises.

        A request that is cancelled or out of time leaves at once. Work that has begun is cancelled
        with it, but keeps its place until it has ended: until then it holds memory.

        Args:
            work: What to do; never called where it is too late.
            caller: Who asks; callers share the places fairly.
            timeout_s: Longest wait for the result, in line and at work; None waits for ever.

        Raises:
            Overloaded: `max_waiting` requests are in line already.
            DeadlineExceeded: The time is over.
            Unavailable: The line is closed.
        """
        if timeout_s is not None and timeout_s <= 0:
            self._metrics.cancelled.inc()
            raise self._late()
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                await self._take_place(caller)
                CALLER.set(caller)
                task = asyncio.create_task(work())
                task.add_done_callback(partial(self._pass_place, caller))
                try:
                    return await asyncio.shield(task)
                except asyncio.CancelledError:
                    task.cancel()
                    raise
        except TimeoutError as error:
            if not limit.expired():
                raise  # the work's own
            self._metrics.cancelled.inc()
            raise self._late() from error
        except asyncio.CancelledError:
            self._metrics.cancelled.inc()
            raise

    def close(self) -> None:
        """Refuse every request that waits and every new one; work that has begun goes on."""
        self._is_closed = True
        self._turns.refuse(self._closed)

    async def _take_place(self, caller: str) -> None:
        if self._is_closed:
            raise self._closed()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        if not self._turns.is_free(caller) and self._turns.waiting >= self._max_waiting:
            self._metrics.shed.inc()
            if not self._turns.displace(caller, self._full()):
                raise self._full()
        await self._turns.acquire(caller)
        self._metrics.line_seconds.observe(loop.time() - began_s)

    # Any: of the work only its end matters here.
    def _pass_place(self, caller: str, ended: asyncio.Task[Any]) -> None:
        if not ended.cancelled():
            ended.exception()  # marks it as seen, for a caller that is gone
        self._turns.release(caller)

    def _full(self) -> Overloaded:
        return Overloaded(
            f"{self._name} has {self._max_waiting} requests in line, which is the limit; "
            "try again later"
        )

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._name} had no answer before the deadline of the request")

    def _closed(self) -> Unavailable:
        return Unavailable(f"{self._name} is shutting down; try again later")
