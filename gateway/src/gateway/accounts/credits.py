"""Credits: where a request is paid, after all that the caller can get wrong and before the call."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Credits(Protocol):
    """Whoever knows what an account can pay; `ledger.Ledger` is the one that runs."""

    def charge(
        self, account: str, *, endpoint: str, units: int = 1, item: str | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Reserve the price of `units` of `endpoint`; settle when the context ends well.

        When it does not end well, or the `item` was settled before, what was reserved is given
        back.

        Raises:
            Problem: 406 insufficient_balance, before the context is entered.
        """
        ...
