"""Decoder, line and batcher that leave spans in the traces of the requests they work for.

They stand in for the plain ones where there are traces, so that no request pays for those who want
none.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from modelkit.batching import Batcher, BatchLimits, Run
from modelkit.decoding import Decoder
from modelkit.images import DecodedImage
from modelkit.lines import FairLine
from servicekit.telemetry import (
    SPAN_BATCH,
    SPAN_BATCH_SIZE,
    SPAN_DECODE,
    SPAN_LINE,
    SPAN_RUN,
    SPAN_TASK,
    TaskMetrics,
)
from servicekit.tracing.steps import Attributes, RequestTrace, current_trace

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


class TracedDecoder(Decoder):
    """A decoder that tells how long pictures take to be opened, the wait for room among them.

    It inherits, because services say `Decoder` for what they get.
    """

    @asynccontextmanager
    async def opened(
        self,
        content: bytes,
        prepare: Callable[[DecodedImage], Result],
        *,
        in_contrast: bool = False,
    ) -> AsyncIterator[Result]:
        """Open an image as `Decoder.opened` does."""
        began_s = monotonic()
        async with super().opened(content, prepare, in_contrast=in_contrast) as result:
            _add_step(SPAN_DECODE, began_s=began_s)
            yield result


class TracedLine:
    """A line that tells how long requests waited in it.

    Args:
        line: Does the work.
        task: Of its model.
    """

    def __init__(self, line: FairLine, task: str) -> None:
        self._line = line
        self._task = task

    async def serve(
        self,
        work: Callable[[], Coroutine[Any, Any, Result]],  # Any: as `FairLine` has it
        *,
        caller: str,
        timeout_s: float | None,
    ) -> Result:
        """Do `work` in its turn as `FairLine.serve` does."""
        began_s = monotonic()

        async def begin() -> Result:
            _add_step(SPAN_LINE, began_s=began_s, attributes={SPAN_TASK: self._task})
            return await work()

        return await self._line.serve(begin, caller=caller, timeout_s=timeout_s)

    def close(self) -> None:
        """Close the line."""
        self._line.close()


@dataclass(eq=False, slots=True)
class _Followed(Generic[Item]):
    """An item with the trace of its request; `since_s` is when its present wait began."""

    item: Item
    trace: RequestTrace | None
    since_s: float


class TracedBatcher(Generic[Item, Answer]):
    """A batcher that tells each request how long it waited, and how long its batch ran.

    The batches run in a task of their own, hence each item brings its trace.

    Args:
        run: As `Batcher` has it.
        task: Of the model.
        limits: As `Batcher` has them.
        metrics: As `Batcher` has them.
    """

    def __init__(
        self, run: Run[Item, Answer], *, task: str, limits: BatchLimits, metrics: TaskMetrics
    ) -> None:
        self._run = run
        self._task = task
        self._batcher = Batcher[_Followed[Item], Answer](
            self._run_followed, limits=limits, metrics=metrics
        )

    async def answer(self, item: Item, *, size_bytes: int = 0) -> Answer:
        """Return the answer to an item as `Batcher.answer` does."""
        followed = _Followed(item, current_trace(), monotonic())
        return await self._batcher.answer(followed, size_bytes=size_bytes)

    async def _run_followed(self, batch: list[_Followed[Item]]) -> Sequence[Answer]:
        self._tell(batch, SPAN_BATCH)
        try:
            return await self._run([one.item for one in batch])
        finally:
            self._tell(batch, SPAN_RUN)

    def _tell(self, batch: list[_Followed[Item]], step: str) -> None:
        attributes: Attributes = {SPAN_TASK: self._task, SPAN_BATCH_SIZE: len(batch)}
        for one in batch:
            if one.trace is not None:
                one.trace.add_step(step, began_s=one.since_s, attributes=attributes)
            one.since_s = monotonic()


def _add_step(name: str, *, began_s: float, attributes: Attributes | None = None) -> None:
    trace = current_trace()
    if trace is not None:
        trace.add_step(name, began_s=began_s, attributes=attributes or {})
