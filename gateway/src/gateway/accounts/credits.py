"""Credits: where a request is paid, after all that the caller can get wrong and before the call."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Charge(Protocol):
    """A charge that is open; it is settled when its context ends well, or before, in `settle`."""

    async def settle(self, connection: AsyncConnection) -> None:
        """Settle as a part of a transaction of the caller's."""
        ...

    def close(self) -> None:
        """Note that the transaction of `settle` is committed."""
        ...


class Credits(Protocol):
    """Whoever knows what an account can pay; `ledger.Ledger` is the one that runs."""

    def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,
        hold: str | None = None,
    ) -> AbstractAsyncContextManager[Charge]:
        """Reserve the price of `units` of `endpoint`; settle when the context ends well.

        When it does not end well, or the `item` was settled before, what was reserved is given
        back. `hold` names what may be reserved already: it is reserved once.

        Raises:
            Problem: 406 insufficient_balance, before the context is entered.
        """
        ...

    async def reserve(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        until: datetime,
    ) -> None:
        """Reserve the price of a request that comes later, where the account can pay it."""
        ...

    async def release(self, connection: AsyncConnection, holds: Iterable[str]) -> None:
        """Give back what these holds have reserved, and was not settled."""
        ...
