"""Usage of accounts, counted by day (UTC) and endpoint."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Row, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contract.lookups import Usage, UsageOfDay
from gateway.database.clock import Clock, utc_now
from gateway.database.engine import transaction
from gateway.database.tables import ACCOUNTS, HOLDS, USAGE

REPORTED_DAYS = 31


class UsageBook:
    """Counts requests that cost nothing in memory, and writes them down from time to time.

    Requests that are paid are counted by the transaction that charges them, so what is lost when
    the process is killed is at most a minute's count of free ones.
    """

    def __init__(self, engine: AsyncEngine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        self._counts: Counter[tuple[str, date, str]] = Counter()
        self._writing = asyncio.Lock()

    def count(self, account: str, *, endpoint: str, units: int) -> None:
        """Count requests that cost nothing."""
        self._counts[account, self._clock().date(), endpoint] += units

    async def flush(self) -> None:
        """Write down what was counted; it is kept in memory where the database is away."""
        async with self._writing:
            counts, self._counts = self._counts, Counter()
            try:
                async with transaction(self._engine) as connection:
                    # In one order everywhere: two processes must not wait for each other's rows.
                    for (account, day, endpoint), requests in sorted(counts.items()):
                        await add_usage(
                            connection, account, endpoint, day, requests=requests, spent=0
                        )
            except BaseException:
                self._counts += counts
                raise

    async def report(self, account: str) -> Usage:
        """Return what `account` has, and what it did in the last `REPORTED_DAYS` days."""
        await self.flush()
        since = self._clock().date() - timedelta(days=REPORTED_DAYS - 1)
        mine = USAGE.c.account == account
        async with transaction(self._engine) as connection:
            balance = await connection.scalar(
                select(ACCOUNTS.c.balance).where(ACCOUNTS.c.name == account)
            )
            held = await connection.scalar(
                select(func.sum(HOLDS.c.amount)).where(HOLDS.c.account == account)
            )
            spent = await connection.scalar(select(func.sum(USAGE.c.credits)).where(mine))
            days = await connection.execute(
                select(USAGE)
                .where(mine, USAGE.c.day >= since)
                .order_by(USAGE.c.day.desc(), USAGE.c.endpoint)
            )
            rows = days.all()
        return Usage(account, balance, int(held or 0), int(spent or 0), _days(rows))


async def add_usage(
    connection: AsyncConnection,
    account: str,
    endpoint: str,
    day: date,
    *,
    requests: int,
    spent: int,
) -> None:
    """Add to the counts of an account's day."""
    row = {
        "account": account,
        "day": day,
        "endpoint": endpoint,
        "requests": requests,
        "credits": spent,
    }
    await connection.execute(_ADD[connection.dialect.name], row)


def _adding(new: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    more = {
        "requests": USAGE.c.requests + new.excluded.requests,
        "credits": USAGE.c.credits + new.excluded.credits,
    }
    return new.on_conflict_do_update(index_elements=["account", "day", "endpoint"], set_=more)


# A part of every paid request, made once: making it takes longer than running it.
_ADD: Final = {
    "sqlite": _adding(sqlite.insert(USAGE)),
    "postgresql": _adding(postgresql.insert(USAGE)),
}


def _days(rows: Sequence[Row[tuple[object, ...]]]) -> list[UsageOfDay]:
    return [UsageOfDay(row.day, row.endpoint, row.requests, row.credits) for row in rows]
