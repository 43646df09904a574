"""The one thread that owns a model, and the bounded line of jobs before it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

from servicekit.errors import DeadlineExceeded, Overloaded, Unavailable

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class ModelThread:
    """Runs jobs one after the other in a thread of its own, first come, first served.

    The line stands in the event loop, not in the thread: a job whose caller gave up or whose time
    is over leaves it at once, frees its place and its memory, and never starts.

    Args:
        name: Of the thread, and in the messages to callers.
        max_waiting: Most jobs in line behind the running one.
    """

    def __init__(self, name: str, *, max_waiting: int) -> None:
        self._name = name
        self._max_waiting = max_waiting
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._turn = asyncio.Lock()
        self._jobs = 0  # running and in line

    async def run(
        self,
        function: Callable[[*Arguments], Result],
        *args: *Arguments,
        timeout_s: float | None,
    ) -> Result:
        """Run `function(*args)` in the thread; return what it returns, raise what it raises.

        Args:
            function: The job; once started it runs to its end, even if its caller is gone.
            args: Its arguments.
            timeout_s: Longest wait for the result, in line and running; None waits for ever.

        Raises:
            Overloaded: `max_waiting` jobs are in line already.
            DeadlineExceeded: The time is over; a job that had not started never will.
            Unavailable: The thread is closed.
        """
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                await self._take_turn(limit)
                job = self._start(function, *args)
                await asyncio.wait((job,))  # which, unlike awaiting the job, cannot cancel it
                return job.result()
        except TimeoutError as error:
            if not limit.expired():
                raise  # the job's own
            raise self._late() from error

    def close(self) -> None:
        """Wait for the running job and end the thread; jobs in line raise Unavailable."""
        self._executor.shutdown(wait=True)

    async def _take_turn(self, limit: asyncio.Timeout) -> None:
        if self._jobs > self._max_waiting:
            raise Overloaded(
                f"{self._name} has {self._max_waiting} requests in line, which is the limit; "
                "try again later"
            )
        self._jobs += 1
        try:
            await self._turn.acquire()
        except asyncio.CancelledError:
            self._jobs -= 1
            raise
        # A free turn is taken without a look at the clock.
        expires_at_s = limit.when()
        if expires_at_s is not None and expires_at_s <= asyncio.get_running_loop().time():
            self._pass_turn()
            raise self._late()

    def _start(
        self, function: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        try:
            job = asyncio.get_running_loop().run_in_executor(self._executor, function, *args)
        except RuntimeError as error:
            self._pass_turn()
            raise Unavailable(f"{self._name} is shutting down; try again later") from error
        job.add_done_callback(self._finish)
        return job

    # Any: the result is the caller's.
    def _finish(self, job: asyncio.Future[Any]) -> None:
        self._pass_turn()
        job.exception()  # marks it as seen, for a caller that is gone

    def _pass_turn(self) -> None:
        self._jobs -= 1
        self._turn.release()

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._name} had no answer before the deadline of the request")
