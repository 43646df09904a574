"""Credits written by hand: an account has so many coins, and every request costs one."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.credits import Charge
from gateway.problems import Problem


class _Settled:
    """Charge that was settled when it was made."""

    async def settle(self, connection: AsyncConnection) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Unreserved:
    """Credits that are taken when the work begins, and not before."""

    async def reserve(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        until: datetime,
    ) -> None:
        """Do nothing."""

    async def release(self, connection: AsyncConnection, holds: Iterable[str]) -> None:
        """Do nothing."""

    def price(self, endpoint: str, *, units: int) -> int:  # noqa: ARG002 - of the protocol
        """Return one coin for each."""
        return units

    async def check(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int
    ) -> None:
        """Do nothing."""

    async def hold(
        self, connection: AsyncConnection, account: str, *, endpoint: str, units: int, hold: str
    ) -> None:
        """Do nothing."""

    async def settle_items(
        self,
        connection: AsyncConnection,
        account: str,
        *,
        endpoint: str,
        hold: str,
        items: Sequence[str],
    ) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Purse(_Unreserved):
    """Coins that are left, and the charges that were asked for."""

    coins: int
    asked: list[tuple[str, str]] = field(default_factory=list)

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,  # noqa: ARG002 - of the protocol
        hold: str | None = None,  # noqa: ARG002 - of the protocol
    ) -> AsyncIterator[Charge]:
        """Take a coin; give it back when the context does not end well."""
        self.asked.append((account, endpoint))
        if self.coins == 0:
            raise Problem(406, "insufficient_balance", "the balance is 0; the price is 1")
        self.coins -= units
        try:
            yield _Settled()
        except BaseException:
            self.coins += units
            raise


class BrokenCredits(_Unreserved):
    """Credits with a fault that no check expects."""

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,  # noqa: ARG002 - of the protocol
        hold: str | None = None,  # noqa: ARG002 - of the protocol
    ) -> AsyncIterator[Charge]:
        """Fail before anything is charged."""
        if endpoint:
            raise RuntimeError(f"secret of {account}, {units}")
        yield _Settled()
