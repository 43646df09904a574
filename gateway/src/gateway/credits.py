"""Credits: where a request is paid, after all that the caller can get wrong and before the call."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class Credits(Protocol):
    """Whoever knows what an account can pay."""

    def charge(self, account: str, *, endpoint: str) -> AbstractAsyncContextManager[None]:
        """Reserve the price of `endpoint`; settle when the context ends well, else refund.

        Raises:
            Problem: 406 insufficient_balance, before the context is entered.
        """
        ...


class Unmetered:
    """Credits of a mesh that charges nobody: every account can pay everything."""

    @asynccontextmanager
    async def charge(self, account: str, *, endpoint: str) -> AsyncIterator[None]:
        """Charge nothing."""
        del account, endpoint
        yield
