"""Credits: where a request is paid, after all that the caller can get wrong and before the call."""

from collections.abc import Iterable, Sequence
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

    def price(self, endpoint: str, *, units: int) -> int:
        """Return the credits that so many requests to an endpoint cost."""
        ...

    async def check(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int
    ) -> None:
        """Raise a Problem, 406, where the account cannot pay so many requests now."""
        ...

    async def hold(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int, hold: str
    ) -> None:
        """Reserve the price of so many requests, unless it is reserved by this hold.

        Raises:
            Problem: 406 insufficient_balance.
        """
        ...

    async def settle_items(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        items: Sequence[str],
    ) -> None:
        """Charge each of these items once out of a hold, and give the rest of it back."""
        ...
