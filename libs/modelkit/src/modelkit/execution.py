"""The one thread that owns a model; when it dies or hangs, the process goes on without it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

from servicekit.errors import Unavailable
from servicekit.logs import get_logger

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

CLOSE_WITHIN_S = 10.0

log = get_logger("modelkit")


class ModelLost(Unavailable):
    """The thread of the model ended or hung; what it was doing has no answer."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a job came to; Any: the result is the caller's."""

    result: Any = None
    error: BaseException | None = None


class ModelThread:
    """Runs jobs one after the other in a thread of its own.

    Not an executor of the standard library: Python waits for their threads when it exits, so that
    one that hangs would keep the process.

    Args:
        name: Of the thread, and in the messages to callers.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting: set[asyncio.Future[_Outcome]] = set()
        self._has_ended = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    async def run(
        self,
        function: Callable[[*Arguments], Result],
        *args: *Arguments,
        limit_s: float | None = None,
    ) -> Result:
        """Run `function(*args)` in the thread; return what it returns, raise what it raises.

        Once begun it runs to its end, even if this is cancelled.

        Args:
            function: The job.
            args: Its arguments.
            limit_s: A job that takes longer hangs; None never says so.

        Raises:
            ModelLost: The thread has ended, or the job hangs.
        """
        if self._has_ended:
            raise self._lost("ended")
        outcome: asyncio.Future[_Outcome] = self._loop.create_future()
        self._waiting.add(outcome)
        outcome.add_done_callback(self._waiting.discard)
        self._jobs.put(partial(self._do, outcome, partial(function, *args)))
        done, _ = await asyncio.wait((outcome,), timeout=limit_s)
        if not done:
            raise self._lost("hangs")
        if (error := outcome.result().error) is not None:
            raise error
        result: Result = outcome.result().result
        return result

    def stop(self) -> None:
        """Let the thread end after what it is doing; do not wait for it."""
        self._has_ended = True
        self._jobs.put(None)

    def close(self) -> None:
        """Let the thread end, and wait until it has, at most ten seconds."""
        self.stop()
        self._thread.join(CLOSE_WITHIN_S)

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job()
                del job  # idle, it would hold the last pictures
        except BaseException:
            # What is no Exception ends a thread: SystemExit in a library, an injected one.
            log.exception("model thread died", task=self._name)
        finally:
            self._tell(self._end)

    def _do(self, outcome: asyncio.Future[_Outcome], job: Callable[[], object]) -> None:
        try:
            done = _Outcome(result=job())
        except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
            done = _Outcome(error=error)
        self._tell(_set, outcome, done)

    def _end(self) -> None:
        self._has_ended = True
        for outcome in list(self._waiting):
            _set(outcome, _Outcome(error=self._lost("ended")))

    def _tell(self, function: Callable[[*Arguments], object], *args: *Arguments) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *args)

    def _lost(self, how: str) -> ModelLost:
        return ModelLost(f"the model of {self._name} {how}; it is loaded anew; try again later")


def _set(outcome: asyncio.Future[_Outcome], done: _Outcome) -> None:
    if not outcome.done():
        outcome.set_result(done)
