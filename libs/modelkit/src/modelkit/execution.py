"""Thread that owns a model; the process survives its death or hang."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

from modelkit.denormals import flush_denormals
from servicekit.errors import Unavailable
from servicekit.logs import get_logger

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

CLOSE_WITHIN_S = 10.0

log = get_logger("modelkit")


class ModelLost(Unavailable):
    """The thread of the model ended or hung; its running requests have no answer."""


class ModelThread:
    """Thread that runs jobs one after the other.

    Not an executor of the standard library: Python waits for their threads when it exits, so that
    one that hangs would keep the process.

    Args:
        name: Of the thread, and in the messages to callers.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting: set[asyncio.Future[Any]] = set()  # Any: of any job
        self._has_ended = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def run(
        self,
        function: Callable[[*Arguments], Result],
        *args: *Arguments,
        limit_s: float | None = None,
    ) -> asyncio.Future[Result]:
        """Queue `function(*args)` and return the future of its result.

        Not a coroutine: the event loop would run all ready callbacks before the model has work.
        Once begun the job runs to its end, even if the future is cancelled, unless it asks
        `modelkit.stopping`. It sees the context variables of now.

        Args:
            function: The job.
            args: Its arguments.
            limit_s: A job that takes longer counts as hung; None has no limit.

        Raises:
            ModelLost: In the future: the thread has ended, or the job hangs.
        """
        outcome: asyncio.Future[Result] = self._loop.create_future()
        if self._has_ended:
            outcome.set_exception(self._lost("ended"))
            return outcome
        self._waiting.add(outcome)
        outcome.add_done_callback(self._waiting.discard)
        if limit_s is not None:
            limit = self._loop.call_later(limit_s, _fail, outcome, self._lost("hangs"))
            outcome.add_done_callback(lambda _: limit.cancel())
        job = partial(copy_context().run, function, *args)
        self._jobs.put(partial(self._do, outcome, job))
        return outcome

    def stop(self) -> None:
        """End the thread after its running job, without waiting for it."""
        self._has_ended = True
        self._jobs.put(None)

    def close(self, *, within_s: float = CLOSE_WITHIN_S) -> None:
        """End the thread and wait for it, so many seconds at most."""
        self.stop()
        self._thread.join(within_s)

    def _work(self) -> None:
        flush_denormals()
        try:
            while (job := self._jobs.get()) is not None:
                job()
                del job  # an idle thread would keep the last images alive
        except BaseException:
            # A BaseException ends the thread: SystemExit in a library, an injected one.
            log.exception("model thread died", task=self._name)
        finally:
            self._tell(self._end)

    def _do(self, outcome: asyncio.Future[Result], job: Callable[[], Result]) -> None:
        try:
            result = job()
        except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
            self._tell(_fail, outcome, error)
        else:
            self._tell(_set, outcome, result)

    def _end(self) -> None:
        self._has_ended = True
        for outcome in list(self._waiting):
            _fail(outcome, self._lost("ended"))

    def _tell(self, function: Callable[[*Arguments], object], *args: *Arguments) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, *args)

    def _lost(self, how: str) -> ModelLost:
        return ModelLost(f"the model of {self._name} {how}; it is loaded again; try again later")


def _set(outcome: asyncio.Future[Result], result: Result) -> None:
    if not outcome.done():
        outcome.set_result(result)


def _fail(outcome: asyncio.Future[Result], error: Exception) -> None:
    if isinstance(error, StopIteration):  # which no future takes
        error = RuntimeError("the model raised StopIteration")
    if not outcome.done():
        outcome.set_exception(error)
