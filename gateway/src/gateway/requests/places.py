"""The places of a gateway: how many pictures it works on at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.problems import Problem


class Places:
    """So many places, each held by whoever works on a picture.

    Args:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)

    @property
    def are_all_taken(self) -> bool:
        """True when nobody gets a place now."""
        return self._free.locked()

    @asynccontextmanager
    async def one_now(self) -> AsyncIterator[None]:
        """Hold a place that is free now.

        Raises:
            Problem: 429, there is none.
        """
        if self.are_all_taken:
            message = f"{self._count} requests are being answered already; try again later"
            raise Problem(429, "overloaded", message)
        async with self._free:
            yield

    @asynccontextmanager
    async def one_in_turn(self) -> AsyncIterator[None]:
        """Hold a place as soon as there is one."""
        async with self._free:
            yield

    async def take(self) -> None:
        """Take a place, to be given back by `give_back`; does not wait where one is free."""
        await self._free.acquire()

    def give_back(self) -> None:
        """Give a taken place back."""
        self._free.release()
