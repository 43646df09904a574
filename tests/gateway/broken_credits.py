"""Credits with a fault that no check expects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.accounts.ledger import Ledger


class BrokenCredits(Ledger):
    """Ledger that fails before anything is charged."""

    def __init__(self) -> None:
        """Open nothing."""

    @asynccontextmanager
    async def charge(
        self,
        account: str,
        *,
        endpoint: str,
        units: int = 1,
        item: str | None = None,
        hold: str | None = None,
    ) -> AsyncIterator[Any]:  # Any: it yields nothing
        """Fail."""
        if endpoint:
            raise RuntimeError(f"secret of {account}, {units}, {item}, {hold}")
        yield NotImplemented
