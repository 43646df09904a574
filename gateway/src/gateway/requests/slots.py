"""Bound on the requests and items of batches that the gateway answers at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.problems import Problem


class Slots:
    """Semaphore of the requests at once; a request is refused where it would have to wait.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)

    @property
    def are_all_taken(self) -> bool:
        """True when nobody gets a slot now."""
        return self._free.locked()

    @asynccontextmanager
    async def hold(self, *, waits: bool) -> AsyncIterator[None]:
        """Hold a slot while the context is open; jobs wait for one, requests do not.

        Raises:
            Problem: 429, none is free and the caller does not wait.
        """
        if not waits and self.are_all_taken:
            message = f"{self._count} requests are being answered already; try again later"
            raise Problem(429, "overloaded", message)
        async with self._free:
            yield

    async def acquire(self) -> None:
        """Take a slot until `release`; does not wait where one is free."""
        await self._free.acquire()

    def release(self) -> None:
        """Give back a slot that was acquired."""
        self._free.release()
