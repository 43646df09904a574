"""Queue of the requests for one model: bounded, fair to callers, with deadlines."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, TypeVar

from servicekit.errors import DeadlineExceeded, Overloaded, Unavailable
from servicekit.telemetry import SPAN_LINE, SPAN_TASK, TaskMetrics
from servicekit.tracing.steps import add_step

Result = TypeVar("Result")


class FairQueue:
    """Semaphore that serves its callers in turn.

    Each caller has a queue of its own, first come, first served. Places go round: between two
    turns of a caller with waiting requests every other such caller has one.

    Args:
        name: Of the model, in messages to callers and in traces.
        places: Requests that are worked on at once.
        max_waiting: Most requests that wait, of all callers together.
        metrics: Counters of waits, refusals and cancels.
    """

    def __init__(self, name: str, *, places: int, max_waiting: int, metrics: TaskMetrics) -> None:
        self._name = name
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._free_places = places
        self._waiting = 0
        self._turns: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_closed = False

    async def serve(
        self,
        # Any: a coroutine is asked for nothing but its result.
        work: Callable[[], Coroutine[Any, Any, Result]],
        *,
        caller: str,
        timeout_s: float | None,
    ) -> Result:
        """Run `work` in the caller's turn; return its result or raise its error.

        A request that is cancelled or out of time leaves at once. Work that has begun is cancelled
        with it, but keeps its place until it has ended: until then it holds memory.

        Args:
            work: Not called once the time is over.
            caller: Name of the caller; callers share the places fairly.
            timeout_s: Longest wait for the result, queue and work together; None has no limit.

        Raises:
            Overloaded: `max_waiting` requests wait already.
            DeadlineExceeded: The time is over.
            Unavailable: The queue is closed.
        """
        if timeout_s is not None and timeout_s <= 0:
            self._metrics.cancelled.inc()
            raise self._late()
        began_s = monotonic()
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                await self._take_place(caller)
                add_step(SPAN_LINE, began_s=began_s, attributes={SPAN_TASK: self._name})
                task = asyncio.create_task(work())
                task.add_done_callback(self._pass_place)
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
        """Refuse waiting and new requests; work that has begun goes on."""
        self._is_closed = True
        for turns in self._turns.values():
            for turn in turns:
                if not turn.done():
                    turn.set_exception(self._closed())
        self._turns.clear()
        self._count_waiting(-self._waiting)

    async def _take_place(self, caller: str) -> None:
        if self._is_closed:
            raise self._closed()
        if self._free_places > 0:
            self._free_places -= 1
            self._metrics.line_seconds.observe(0)
            return
        if self._waiting >= self._max_waiting:
            self._metrics.shed.inc()
            raise Overloaded(
                f"{self._name} has {self._max_waiting} requests in its queue, the limit; "
                "try again later"
            )
        await self._wait_turn(caller)

    async def _wait_turn(self, caller: str) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        turn: asyncio.Future[None] = loop.create_future()
        self._turns.setdefault(caller, deque()).append(turn)
        self._count_waiting(1)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(caller, turn)
            elif turn.exception() is None:
                self._pass_place()  # its turn came in the same moment
            raise
        self._metrics.line_seconds.observe(loop.time() - began_s)

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        turns = self._turns.get(caller)
        if turns is None or turn not in turns:
            return  # `_pass_place` has skipped it
        turns.remove(turn)
        self._count_waiting(-1)
        if not turns:
            del self._turns[caller]

    # Any: of the work only its end matters here.
    def _pass_place(self, ended: asyncio.Task[Any] | None = None) -> None:
        if ended is not None and not ended.cancelled():
            ended.exception()  # marks it as retrieved, for a caller that is gone
        while self._turns:
            caller, turns = self._turns.popitem(last=False)
            turn = turns.popleft()
            self._count_waiting(-1)
            if turns:
                self._turns[caller] = turns  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._free_places += 1

    def _count_waiting(self, change: int) -> None:
        self._waiting += change
        self._metrics.waiting.set(self._waiting)

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._name} had no answer before the deadline of the request")

    def _closed(self) -> Unavailable:
        return Unavailable(f"{self._name} is shutting down; try again later")
