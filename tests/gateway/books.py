"""Credits of an account as the database has them."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.database.engine import open_database
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER, USAGE
from tests.gateway.running import Gateway


class Books(NamedTuple):
    """Sums over the tables; of what ends well, balance + held = ledger and spent = charged.

    Attributes:
        balance: None where the account is not metered.
        held: reserved by what still runs.
        ledger: sum of all rows.
        spent: credits that usage has counted.
        charges: number of rows that charge.
    """

    balance: int | None
    held: int
    ledger: int
    spent: int
    charges: int


async def books(database: AsyncEngine | str, account: str = "tests") -> Books:
    """Return the books of an account."""
    engine = await open_database(database) if isinstance(database, str) else database
    rows = select(func.sum(LEDGER.c.amount)).where(LEDGER.c.account == account)
    charges = select(func.count()).where(LEDGER.c.account == account, LEDGER.c.kind == "charge")
    async with engine.connect() as connection:
        found = [
            await connection.scalar(query)
            for query in (
                select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == account),
                select(func.sum(HOLDS.c.amount)).where(HOLDS.c.account == account),
                rows,
                select(func.sum(USAGE.c.credits)).where(USAGE.c.account == account),
                charges,
            )
        ]
    if isinstance(database, str):
        await engine.dispose()
    return Books(found[0], *(int(number or 0) for number in found[1:]))


async def give(url: str, amount: int, account: str = "tests") -> None:
    """Credit an account, which is metered from then on."""
    engine = await open_database(url)
    await AccountStore(engine).credit(account, amount)
    await engine.dispose()


async def coins_of(gateway: Gateway) -> int:
    """Return the balance of a metered account; what is held counts as gone."""
    return (await books(gateway.settings.database_url)).balance or 0
