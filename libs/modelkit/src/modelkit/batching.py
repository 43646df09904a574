"""Queues of items for one model: one at a time, or in batches where a GPU gains."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Protocol, TypeAlias, TypeVar

from modelkit.execution import ModelLost
from modelkit.stopping import new_stop
from servicekit.errors import Overloaded
from servicekit.telemetry import SPAN_BATCH, SPAN_BATCH_SIZE, SPAN_RUN, SPAN_TASK, TaskMetrics
from servicekit.tracing.steps import Attributes, RequestTrace, current_trace
from servicekit.turns import CALLER, FairSemaphore

_TOO_LARGE = "too large for the memory that is free; send a smaller image or try again later"

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Item_contra = TypeVar("Item_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)

Run: TypeAlias = Callable[[list[Item]], Awaitable[Sequence[Answer]]]
"""Function that answers a batch, one answer for each item, in their order."""


class ItemQueue(Protocol[Item_contra, Answer_co]):
    """Queue of one model."""

    async def answer(self, item: Item_contra, *, size_bytes: int = 0) -> Answer_co:
        """Return the model's answer to an item.

        Cancelled before its run, the item never runs. Cancelled within it, this ends when the run
        does: the memory of the item is in use until then. A run of that item alone is told to stop.

        Raises:
            ModelLost: The model was lost while it computed.
            Overloaded: The memory does not hold the item.
        """
        ...


@dataclass(eq=False, slots=True)
class _Steps:
    """Spans of one item in the trace of its request, if that has one."""

    task: str
    trace: RequestTrace | None
    since_s: float

    def end(self, step: str, *, batch_size: int) -> None:
        """Add the step that began when the last one ended."""
        if self.trace is not None:
            attributes: Attributes = {SPAN_TASK: self.task, SPAN_BATCH_SIZE: batch_size}
            self.trace.add_step(step, began_s=self.since_s, attributes=attributes)
            self.since_s = monotonic()


class SingleRunner(Generic[Item, Answer]):
    """Queue that runs items one at a time; waiting callers take turns.

    Args:
        run: Answers a batch of one, in another thread.
        task: Name in traces.
        metrics: Histograms of waits and runs.
        in_thread: Items that the model's thread has at once, computed or next.
    """

    def __init__(
        self,
        run: Run[Item, Answer],
        *,
        task: str,
        metrics: TaskMetrics,
        in_thread: int = 1,
    ) -> None:
        self._run = run
        self._task = task
        self._metrics = metrics
        self._turns = FairSemaphore(in_thread)

    async def answer(self, item: Item, *, size_bytes: int = 0) -> Answer:
        """Return the model's answer to an item; see `ItemQueue`."""
        del size_bytes  # only batches have a bound
        loop = asyncio.get_running_loop()
        waited_since_s = loop.time()
        steps = _Steps(self._task, current_trace(), monotonic())
        async with self._turns.held(CALLER.get()):
            began_s = loop.time()
            self._metrics.batch_seconds.observe(began_s - waited_since_s)
            self._metrics.batch_size.observe(1)
            steps.end(SPAN_BATCH, batch_size=1)
            stop = new_stop()
            run = asyncio.ensure_future(self._run([item]))
            try:
                (answer,) = await asyncio.shield(run)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait((run,))
                raise
            except MemoryError as error:
                raise Overloaded(_TOO_LARGE) from error
            finally:
                self._metrics.run_seconds.observe(loop.time() - began_s)
                steps.end(SPAN_RUN, batch_size=1)
            return answer


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The largest batch.

    Attributes:
        max_items: Requests in it.
        max_bytes: Size of its items together; an item that is larger is a batch of its own.
    """

    max_items: int = 8
    max_bytes: int = 64 * 1024 * 1024


@dataclass(eq=False, slots=True)
class _Job(Generic[Item, Answer]):
    """Queued item; `outcome` is set exactly once.

    Attributes:
        run: The run that it is part of, once it is; the model holds the item until its end.
    """

    item: Item
    caller: str
    size_bytes: int
    began_s: float
    outcome: asyncio.Future[Answer]
    steps: _Steps
    run: asyncio.Future[Sequence[Answer]] | None = None


class Batcher(Generic[Item, Answer]):
    """Queue that gives an idle model all items that are ready; it does not wait for full batches.

    Measured against waiting for a fuller batch, that is never worse above 40 % load and faster
    below: batches grow by themselves as load does. One batch runs at a time. When it fails, its
    halves are tried alone, and theirs, until the item that cannot be answered stands alone and
    gets the error. One that is too large for the memory even alone is Overloaded.

    Bound, fairness and deadlines are those of the `FairQueue` before it. Its clock is that of the
    event loop.

    Args:
        run: Answers a batch, in another thread.
        task: Name in traces.
        limits: The largest batch.
        metrics: Histograms of waits, sizes and runs.
    """

    def __init__(
        self, run: Run[Item, Answer], *, task: str, limits: BatchLimits, metrics: TaskMetrics
    ) -> None:
        self._run = run
        self._task = task
        self._limits = limits
        self._metrics = metrics
        self._ready: deque[_Job[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def answer(self, item: Item, *, size_bytes: int = 0) -> Answer:
        """Return the answer to an item, which joins the next batch; see `ItemQueue`."""
        loop = asyncio.get_running_loop()
        steps = _Steps(self._task, current_trace(), monotonic())
        job = _Job[Item, Answer](
            item, CALLER.get(), size_bytes, loop.time(), loop.create_future(), steps
        )
        self._ready.append(job)
        if self._worker is None:
            # As a task, so that what becomes ready in the same turn of the loop is one batch.
            self._worker = asyncio.create_task(self._work())
        try:
            return await job.outcome
        except asyncio.CancelledError:
            if job.run is None:
                self._ready.remove(job)
            else:
                await asyncio.wait((job.run,))
            raise

    async def _work(self) -> None:
        answered: list[tuple[_Job[Item, Answer], Answer]] = []
        try:
            while batch := self._next_batch():
                run = self._start(batch)
                # Now, and not before: the model need not wait until they are encoded and sent.
                _give(answered)
                answered = await self._answers(batch, run)
        finally:
            _give(answered)
            self._worker = None

    def _next_batch(self) -> list[_Job[Item, Answer]]:
        """Remove the items of the next batch: one of each caller, then the second of each."""
        batch: list[_Job[Item, Answer]] = []
        size_bytes = 0
        for job in _in_turns([job for job in self._ready if not job.outcome.done()]):
            size_bytes += job.size_bytes
            is_full = len(batch) == self._limits.max_items or size_bytes > self._limits.max_bytes
            if batch and is_full:
                break
            batch.append(job)
        for job in batch:
            self._ready.remove(job)
        return batch

    async def _answers(
        self, batch: list[_Job[Item, Answer]], run: asyncio.Future[Sequence[Answer]]
    ) -> list[tuple[_Job[Item, Answer], Answer]]:
        """Return the answers of a run by job; a failed job gets its error.

        Where the run fails, the halves of the batch have their answers when this returns.
        """
        try:
            return list(zip(batch, await self._timed(run, batch), strict=True))
        except ModelLost as error:
            for job in batch:
                _fail(job, ModelLost(str(error)))
        # The edge of the models: whatever one raises is the fault of one item.
        except Exception as error:  # noqa: BLE001
            if len(batch) == 1:
                _fail(batch[0], Overloaded(_TOO_LARGE) if isinstance(error, MemoryError) else error)
                return []
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                wanted = [job for job in half if not job.outcome.done()]
                if wanted:
                    _give(await self._answers(wanted, self._start(wanted)))
        return []

    def _start(self, batch: list[_Job[Item, Answer]]) -> asyncio.Future[Sequence[Answer]]:
        now_s = asyncio.get_running_loop().time()
        run = asyncio.ensure_future(self._run([job.item for job in batch]))
        for job in batch:
            job.run = run
            self._metrics.batch_seconds.observe(now_s - job.began_s)
            job.steps.end(SPAN_BATCH, batch_size=len(batch))
        self._metrics.batch_size.observe(len(batch))
        return run

    async def _timed(
        self, run: asyncio.Future[Sequence[Answer]], batch: list[_Job[Item, Answer]]
    ) -> Sequence[Answer]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            answers = await run
        finally:
            self._metrics.run_seconds.observe(loop.time() - began_s)
            for job in batch:
                job.steps.end(SPAN_RUN, batch_size=len(batch))
        if len(answers) != len(batch):  # the answers cannot be assigned
            raise ValueError(f"the model gave {len(answers)} answers to {len(batch)} items")
        return answers


def _in_turns(jobs: list[_Job[Item, Answer]]) -> list[_Job[Item, Answer]]:
    """Return the jobs with the first one of each caller before the second one of any."""
    seen: Counter[str] = Counter()
    turns = []
    for job in jobs:
        turns.append((seen[job.caller], job))
        seen[job.caller] += 1
    return [job for _, job in sorted(turns, key=lambda turn: turn[0])]


def _give(answered: list[tuple[_Job[Item, Answer], Answer]]) -> None:
    for job, answer in answered:
        if not job.outcome.done():  # else its caller is gone
            job.outcome.set_result(answer)
    answered.clear()  # the batcher goes on, and must not hold the items


def _fail(job: _Job[Item, Answer], error: Exception) -> None:
    if not job.outcome.done():
        job.outcome.set_exception(error)
