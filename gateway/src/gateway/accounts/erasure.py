"""Erasure: everything of one account is deleted, and what is left of it is counted."""

from typing import Final

from sqlalchemy import Column, Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.engine import transaction
from gateway.database.tables import ACCOUNTS, METADATA

# Pages of deleted rows are zeroed on the way (see `_tune_sqlite`); this empties the log behind
# them, which still has the old ones.
_SHRINK_SQLITE: Final = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")


async def erase_rows(engine: AsyncEngine, account: str) -> dict[str, int]:
    """Delete the rows of an account from all tables and return how many there were in each.

    Raises:
        DatabaseUnavailable: nothing was deleted.
    """
    async with transaction(engine) as connection:
        return {
            table.name: (
                await connection.execute(delete(table).where(_owner(table) == account))
            ).rowcount
            for table in _tables()
        }


async def rows_left(engine: AsyncEngine, account: str) -> dict[str, int]:
    """Return how many rows of an account there are in each table."""
    async with transaction(engine) as connection:
        return {
            table.name: int(
                await connection.scalar(
                    select(func.count()).select_from(table).where(_owner(table) == account)
                )
                or 0
            )
            for table in _tables()
        }


async def forget_deleted(engine: AsyncEngine) -> None:
    """Have the database give up what deleted rows held.

    PostgreSQL keeps its log of writes until it recycles it, and backups keep theirs.
    """
    statements = _SHRINK_SQLITE if engine.dialect.name == "sqlite" else ("VACUUM",)
    async with engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            await raw.execute(text(statement))


def _tables() -> list[Table]:
    """Return every table with rows of accounts, the account itself last."""
    return [
        *(table for table in METADATA.sorted_tables if "account" in table.c),
        ACCOUNTS,
    ]


def _owner(table: Table) -> Column[str]:
    return table.c.name if table is ACCOUNTS else table.c.account
