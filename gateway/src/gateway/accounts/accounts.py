"""Accounts: who pays, and what they were given."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction, upsert
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER, MAX_ACCOUNT_CHARACTERS

MAX_CREDITS = 10**15  # far from the end of a 64-bit column, however often it is given


@dataclass(frozen=True, slots=True)
class Account:
    """An account."""

    name: str  # what keys and `imagemesh accounts` call it
    balance: int | None  # credits that can be spent now; None is an account that nobody meters
    held: int  # credits taken for calls that are still running
    created_at: datetime  # UTC


class AccountStore:
    """The accounts in the database."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    async def create(self, name: str) -> bool:
        """Add an account that is not metered; return False where it is there already."""
        async with transaction(self._engine) as connection:
            return await add_account(connection, name, created_at=self._clock())

    async def exists(self, name: str) -> bool:
        """Tell whether there is an account of that name."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(ACCOUNTS.c.name).where(ACCOUNTS.c.name == name))
            return found.one_or_none() is not None

    async def is_metered(self, name: str) -> bool:
        """Tell whether an account of that name has a balance, and so pays for requests."""
        async with transaction(self._engine) as connection:
            balance = select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == name)
            return await connection.scalar(balance) is not None

    async def list_accounts(
        self, *, after: str | None = None, limit: int | None = None
    ) -> list[Account]:
        """Return accounts by name: all, or at most `limit` of those behind the name `after`."""
        held = (
            select(func.coalesce(func.sum(HOLDS.c.amount), 0))
            .where(HOLDS.c.account == ACCOUNTS.c.name)
            .scalar_subquery()
        )
        listing = select(ACCOUNTS, held.label("held")).order_by(ACCOUNTS.c.name).limit(limit)
        if after is not None:
            listing = listing.where(ACCOUNTS.c.name > after)
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(listing)).all()
        return [Account(row.name, row.balance, int(row.held), row.created_at) for row in rows]

    async def credit(self, name: str, amount: int) -> int | None:
        """Add credits to an account, which is metered from now on, and return its balance.

        Args:
            name: of the account.
            amount: credits, as `check_amount` wants them; below zero takes some back.

        Returns:
            None, and nothing has changed, where there is no such account or where the balance
            would leave 0 to `MAX_CREDITS`.
        """
        balance = func.coalesce(ACCOUNTS.c.balance, 0) + amount
        given = (
            update(ACCOUNTS)
            .where(ACCOUNTS.c.name == name, balance.between(0, MAX_CREDITS))
            .values(balance=balance)
            .returning(ACCOUNTS.c.balance)
        )
        row = {"account": name, "kind": "credit", "amount": amount, "at": self._clock()}
        async with transaction(self._engine) as connection:
            left: int | None = (await connection.execute(given)).scalar_one_or_none()
            if left is not None:
                await connection.execute(insert(LEDGER).values(row))
        return left


def check_account_name(name: str) -> None:
    """Raise ValueError for what no account can be called."""
    if not 0 < len(name) <= MAX_ACCOUNT_CHARACTERS or not name.isprintable():
        raise ValueError(
            f"the name of an account must have 1 to {MAX_ACCOUNT_CHARACTERS} printable characters"
        )


def check_amount(amount: int) -> None:
    """Raise ValueError for more credits than any account can have."""
    if abs(amount) > MAX_CREDITS:
        raise ValueError(f"{amount} credits are beyond {MAX_CREDITS}")


async def add_account(connection: AsyncConnection, name: str, *, created_at: datetime) -> bool:
    """Add an account where there is none of that name and tell whether it was added."""
    row = {"name": name, "created_at": created_at}
    added = await connection.execute(
        upsert(connection, ACCOUNTS).values(row).on_conflict_do_nothing()
    )
    return added.rowcount == 1
