"""Credits written by hand: an account has so many coins, and every request costs one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.problems import Problem


@dataclass(slots=True)
class Purse:
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
    ) -> AsyncIterator[None]:
        """Take a coin; give it back when the context does not end well."""
        self.asked.append((account, endpoint))
        if self.coins == 0:
            raise Problem(406, "insufficient_balance", "the balance is 0; the price is 1")
        self.coins -= units
        try:
            yield
        except BaseException:
            self.coins += units
            raise


class BrokenCredits:
    """Credits with a fault that no check expects."""

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,  # noqa: ARG002 - of the protocol
    ) -> AsyncIterator[None]:
        """Fail before anything is charged."""
        if endpoint:
            raise RuntimeError(f"secret of {account}, {units}")
        yield
