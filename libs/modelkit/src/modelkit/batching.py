"""Queues of items for one model: one at a time, or in batches where that gains."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

from modelkit.execution import ModelLost
from modelkit.stopping import new_stop
from servicekit.errors import Overloaded
from servicekit.telemetry import SPAN_BATCH, SPAN_BATCH_SIZE, SPAN_RUN, SPAN_TASK, TaskMetrics
from servicekit.tracing.steps import Attributes, current_trace
from servicekit.turns import CALLER, FairSemaphore

_TOO_LARGE = "too large for the memory that is free; send a smaller image or try again later"

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Run: TypeAlias = Callable[[list[Item]], Awaitable[Sequence[Answer]]]
"""Function that answers a batch, one answer for each item, in their order.

It raises ModelLost where there is no model now.
"""


class SingleRunner(Generic[Item, Answer]):
    """Queue that runs items one at a time; waiting callers take turns.

    Args:
        run: Answers a batch of one, in another thread.
        task: Name in traces.
        metrics: Histograms of waits and runs.
    """

    def __init__(self, run: Run[Item, Answer], *, task: str, metrics: TaskMetrics) -> None:
        self._run = run
        self._task = task
        self._metrics = metrics
        self._turns = FairSemaphore(1)

    async def answer(self, item: Item) -> Answer:
        """Return the model's answer to an item; see `ModelSlot.answer`."""
        watch = _Watch(self._task)
        async with self._turns.held(CALLER.get()):
            self._metrics.batch_seconds.observe(watch.end(SPAN_BATCH, batch_size=1))
            self._metrics.batch_size.observe(1)
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
                self._metrics.run_seconds.observe(watch.end(SPAN_RUN, batch_size=1))
            return answer


class Batcher(Generic[Item, Answer]):
    """Queue that gives an idle model all items that are ready; it does not wait for full batches.

    Measured against waiting for a fuller batch, that is never worse above 40 % load and faster
    below: batches grow by themselves as load does. One batch runs at a time. When it fails, its
    halves are tried alone, and theirs, until the item that cannot be answered stands alone and
    gets the error. One that is too large for the memory even alone is Overloaded.

    Bound, fairness and deadlines are those of the `FairQueue` before it.

    Args:
        run: Answers a batch, in another thread.
        task: Name in traces.
        max_items: Of the largest batch.
        metrics: Histograms of waits, sizes and runs.
    """

    def __init__(
        self, run: Run[Item, Answer], *, task: str, max_items: int, metrics: TaskMetrics
    ) -> None:
        self._run = run
        self._task = task
        self._max_items = max_items
        self._metrics = metrics
        self._ready: deque[_Job[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def answer(self, item: Item) -> Answer:
        """Return the answer to an item, which joins the next batch; see `ModelSlot.answer`."""
        outcome: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        job = _Job(item, CALLER.get(), outcome, _Watch(self._task))
        self._ready.append(job)
        if self._worker is None:
            # As a task, so that what becomes ready in the same turn of the loop is one batch.
            self._worker = asyncio.create_task(self._work())
        try:
            return await outcome
        except asyncio.CancelledError:
            if job.run is None:
                self._ready.remove(job)
            else:
                await asyncio.wait((job.run,))
            raise

    async def _work(self) -> None:
        while batch := self._next_batch():
            await self._answer(batch)
        self._worker = None

    def _next_batch(self) -> list["_Job[Item, Answer]"]:
        """Remove the items of the next batch: one of each caller, then the second of each."""
        waiting = _in_turns([job for job in self._ready if not job.outcome.done()])
        batch = waiting[: self._max_items]
        for job in batch:
            self._ready.remove(job)
        return batch

    async def _answer(self, batch: list["_Job[Item, Answer]"]) -> None:
        """Run a batch and, where it fails, its halves, until every item has its outcome.

        Callers go on after the worker, which starts the next batch first: the model need not wait
        until the answers are encoded and sent.
        """
        try:
            answers = await self._timed_run(batch)
            pairs = list(zip(batch, answers, strict=True))  # an error where none can be assigned
        except ModelLost as error:
            for job in batch:
                job.fail(ModelLost(str(error)))
        # The edge of the models: whatever one raises is the fault of one item.
        except Exception as error:  # noqa: BLE001
            if len(batch) == 1:
                is_full = isinstance(error, MemoryError)
                batch[0].fail(Overloaded(_TOO_LARGE) if is_full else error)
                return
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                if wanted := [job for job in half if not job.outcome.done()]:
                    await self._answer(wanted)
        else:
            for job, answer in pairs:
                if not job.outcome.done():  # else its caller is gone
                    job.outcome.set_result(answer)

    async def _timed_run(self, batch: list["_Job[Item, Answer]"]) -> Sequence[Answer]:
        run = asyncio.ensure_future(self._run([job.item for job in batch]))
        for job in batch:
            job.run = run
            seconds = job.watch.end(SPAN_BATCH, batch_size=len(batch))
            self._metrics.batch_seconds.observe(seconds)
        self._metrics.batch_size.observe(len(batch))
        try:
            return await run
        finally:
            times_s = [job.watch.end(SPAN_RUN, batch_size=len(batch)) for job in batch]
            self._metrics.run_seconds.observe(times_s[0])


class _Watch:
    """Stop watch of one item, whose steps are spans in the trace of its request."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._trace = current_trace()
        self._since_s = monotonic()

    def end(self, step: str, *, batch_size: int) -> float:
        """Add the step that began when the last one ended; return its seconds."""
        began_s, self._since_s = self._since_s, monotonic()
        if self._trace is not None:
            attributes: Attributes = {SPAN_TASK: self._task, SPAN_BATCH_SIZE: batch_size}
            self._trace.add_step(step, began_s=began_s, attributes=attributes)
        return self._since_s - began_s


@dataclass(eq=False, slots=True)
class _Job(Generic[Item, Answer]):
    """Queued item; `outcome` is set exactly once.

    Attributes:
        run: The run that it is part of, once it is; the model holds the item until its end.
    """

    item: Item
    caller: str
    outcome: asyncio.Future[Answer]
    watch: _Watch
    run: asyncio.Future[Sequence[Answer]] | None = None

    def fail(self, error: Exception) -> None:
        if not self.outcome.done():  # else its caller is gone
            self.outcome.set_exception(error)


def _in_turns(jobs: list[_Job[Item, Answer]]) -> list[_Job[Item, Answer]]:
    """Return the jobs with the first one of each caller before the second one of any."""
    seen: Counter[str] = Counter()
    turns = []
    for job in jobs:
        turns.append((seen[job.caller], job))
        seen[job.caller] += 1
    return [job for _, job in sorted(turns, key=lambda turn: turn[0])]
