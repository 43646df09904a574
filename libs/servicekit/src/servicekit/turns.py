"""Fair sharing between callers: of an amount, and of places that they wait for in turn."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

CALLER: Final = ContextVar("caller", default="")
"""Caller of the request that a task works on."""


def reserve_of(total: int) -> int:
    """Return the part of an amount that is not open to a caller alone."""
    return total // 3


class FairShares:
    """Amount, such as of memory, that callers hold parts of.

    A caller alone may hold the open part. The rest is for callers with less than an equal share
    of the total, so that one who takes all that it can get leaves room for the others.

    Args:
        total: Amount that all callers hold at most.
        reserved: Part of it that is not open.
    """

    def __init__(self, total: int, *, reserved: int) -> None:
        self._total = total
        self._open = total - reserved
        self._held: Counter[str] = Counter()
        self.used = 0

    def fits(self, caller: str, amount: int) -> bool:
        """Return whether the caller may take that much now."""
        used = self.used + amount
        if used <= self._open:
            return True
        callers = max(2, len(self._held.keys() | {caller}))  # one more may come
        share = self._total // callers
        return used <= self._total and self._held[caller] + amount <= share

    def take(self, caller: str, amount: int) -> None:
        """Count an amount that fits as held by the caller."""
        self._held[caller] += amount
        self.used += amount

    def give_back(self, caller: str, amount: int) -> None:
        """Count an amount as held no longer."""
        self._held[caller] -= amount
        if not self._held[caller]:
            del self._held[caller]
        self.used -= amount


class FairSemaphore:
    """Semaphore with one queue for each caller; freed places go round the queues.

    Between two turns of a caller with waiting requests every other such caller has one. The
    reserved places are shared as in `FairShares`: a caller who holds few finds one at once, though
    another one has taken all that are open.

    Args:
        places: Requests that hold the semaphore at once.
        reserved: Those of the places that are not open to a caller alone.
        report_waiting: Called with the number of waiting requests when it changes.
    """

    def __init__(
        self,
        places: int,
        *,
        reserved: int = 0,
        report_waiting: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._shares = FairShares(places, reserved=reserved)
        self._report_waiting = report_waiting
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self.waiting = 0

    def is_free(self, caller: str) -> bool:
        """Return whether the caller would get a place at once."""
        return self._shares.fits(caller, 1)

    @asynccontextmanager
    async def held(self, caller: str) -> AsyncIterator[None]:
        """Hold a place while the context is open."""
        await self.acquire(caller)
        try:
            yield
        finally:
            self.release(caller)

    async def acquire(self, caller: str) -> None:
        """Take a place, at once or when it is the caller's turn."""
        if self.is_free(caller):
            self._shares.take(caller, 1)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(caller, deque()).append(turn)
        self._count(1)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(caller, turn)
            elif turn.exception() is None:
                self.release(caller)  # its turn came in the same moment
            raise

    def release(self, caller: str) -> None:
        """Give a place back, for the caller whose turn it is."""
        self._shares.give_back(caller, 1)
        while (following := next(filter(self.is_free, self._queues), None)) is not None:
            queue = self._queues.pop(following)
            turn = queue.popleft()
            self._count(-1)
            if queue:
                self._queues[following] = queue  # behind all others
            if not turn.done():
                self._shares.take(following, 1)
                turn.set_result(None)

    def displace(self, caller: str, error: Exception) -> bool:
        """Refuse the newest request of the longest queue, unless that is the caller's own.

        A queue that is only one request longer than the caller's counts as no longer.

        Args:
            caller: Caller who wants to wait.
            error: Raised to the request that is refused.

        Returns:
            Whether there is room now.
        """
        longest = max(self._queues.values(), key=len, default=deque())
        if len(longest) <= len(self._queues.get(caller, ())) + 1:
            return False
        turn = longest.pop()
        self._count(-1)
        if not turn.done():
            turn.set_exception(error)
        return True

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Raise an error to every waiting request."""
        for queue in self._queues.values():
            for turn in queue:
                if not turn.done():
                    turn.set_exception(error())
        self._queues.clear()
        self._count(-self.waiting)

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(caller)
        if queue is None or turn not in queue:
            return  # `release` has skipped it
        queue.remove(turn)
        self._count(-1)
        if not queue:
            del self._queues[caller]

    def _count(self, change: int) -> None:
        self.waiting += change
        self._report_waiting(self.waiting)
