"""Budget of memory for the requests of a process."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servicekit.turns import CALLER


class ByteBudget:
    """Semaphore counted in bytes, with one queue for each caller.

    Freed bytes go to the caller whose turn it is. A part that does not fit holds up all others, or
    a large one would wait for ever.

    Args:
        total_bytes: The budget; a part that is larger takes all of it.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._queues: OrderedDict[str, deque[tuple[int, asyncio.Future[None]]]] = OrderedDict()

    @asynccontextmanager
    async def hold(self, size_bytes: int) -> AsyncIterator[None]:
        """Acquire bytes of the budget and release them when the context ends."""
        part = min(size_bytes, self._total_bytes)
        await self._take(part)
        try:
            yield
        finally:
            self._give_back(part)

    async def _take(self, part: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(CALLER.get(), deque()).append((part, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_back(part)  # granted in the same moment
            self._serve()  # smaller parts behind it may fit now
            raise

    def _give_back(self, part: int) -> None:
        self._free_bytes += part
        self._serve()

    def _serve(self) -> None:
        while self._queues:
            caller, queue = next(iter(self._queues.items()))
            part, turn = queue[0]
            if not turn.done():
                if part > self._free_bytes:
                    return
                self._free_bytes -= part
                turn.set_result(None)
            queue.popleft()
            del self._queues[caller]
            if queue:
                self._queues[caller] = queue  # behind all others
