"""Decoder and line that leave spans in the traces of the requests they work for.

They stand in for the plain ones where there are traces, so that no request pays for those who want
none.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

from modelkit.decoding import Decoder
from modelkit.images import DecodedImage
from modelkit.lines import FairLine
from servicekit.telemetry import SPAN_DECODE, SPAN_LINE, SPAN_TASK
from servicekit.tracing.steps import Attributes, current_trace

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


def _add_step(name: str, *, began_s: float, attributes: Attributes | None = None) -> None:
    trace = current_trace()
    if trace is not None:
        trace.add_step(name, began_s=began_s, attributes=attributes or {})
