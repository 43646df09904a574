"""Budget of memory for the requests of a process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """FIFO semaphore counted in bytes; waiters are served in arrival order.

    Args:
        total_bytes: The budget; a part that is larger takes all of it.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._free_bytes = total_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

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
        self._waiting.append((part, turn))
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
        while self._waiting:
            part, turn = self._waiting[0]
            if not turn.done():
                if part > self._free_bytes:
                    return
                self._free_bytes -= part
                turn.set_result(None)
            self._waiting.popleft()
