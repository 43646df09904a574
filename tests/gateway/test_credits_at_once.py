"""Several gateway processes and one account: what it has is spent once, whatever dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.clock import utc_now
from gateway.database.engine import open_database
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER, USAGE
from tests.gateway.fleet import Member, fleet
from tests.gateway.services import serving_all
from tests.gateway.stage import WAIT, Stage

CREDITS = 150
CALLS = 200
ENOUGH_S = 90  # far beyond what any of the waits below takes

NO_ANSWER = 0


@asynccontextmanager
async def account(url: str, balance: int) -> AsyncIterator[tuple[AsyncEngine, str]]:
    """Yield the database and a key of an account with that balance."""
    engine = await open_database(url)
    try:
        key = await KeyStore(engine).create("ada")
        await AccountStore(engine).credit("ada", balance)
        yield engine, key
    finally:
        await engine.dispose()


async def call(http: aiohttp.ClientSession, member: Member, text: str) -> int:
    """Return the status of one call, `NO_ANSWER` where the gateway died."""
    try:
        async with http.post(f"{member.url}/api/v1/analyzed-text", json={"text": text}) as reply:
            return reply.status
    except aiohttp.ClientError:
        return NO_ANSWER


async def books(engine: AsyncEngine) -> dict[str, int]:
    """Return what is left, what is held, what the ledger sums to, and what was counted."""
    sums = {
        "balance": select(func.sum(ACCOUNTS.c.balance)),
        "held": select(func.sum(HOLDS.c.amount)),
        "ledger": select(func.sum(LEDGER.c.amount)),
        "charges": select(func.count()).where(LEDGER.c.kind == "charge"),
        "counted": select(func.sum(USAGE.c.requests)),
    }
    async with engine.connect() as connection:
        return {name: int(await connection.scalar(query) or 0) for name, query in sums.items()}


async def test_four_gateways_spend_every_credit_once(
    url: str, tmp_path: Path, addresses: dict[str, str]
) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    settings = {**addresses, "max_in_flight": str(CALLS)}
    async with (
        account(url, CREDITS) as (engine, key),
        fleet(4, tmp_path, database=url, settings=settings) as members,
        aiohttp.ClientSession(connector=connector, headers={"X-API-Key": key}) as http,
        asyncio.timeout(ENOUGH_S),
    ):
        statuses = await asyncio.gather(
            *(call(http, members[turn % 4], "hello") for turn in range(CALLS))
        )
        found = await books(engine)

    assert Counter(statuses) == {200: CREDITS, 406: CALLS - CREDITS}
    assert found == {
        "balance": 0,
        "held": 0,
        "ledger": 0,
        "charges": CREDITS,
        "counted": CREDITS,
    }


async def test_kill_in_the_middle_loses_nothing_and_the_holds_come_back(
    url: str, tmp_path: Path
) -> None:
    """Two gateways with ten calls each; one of them is killed while all are running."""
    stage = Stage()
    async with (
        serving_all(stage) as addresses,
        account(url, 100) as (engine, key),
        fleet(2, tmp_path, database=url, settings=addresses) as members,
        aiohttp.ClientSession(headers={"X-API-Key": key}) as http,
        asyncio.timeout(ENOUGH_S),
    ):
        calls = [
            asyncio.create_task(call(http, members[turn % 2], WAIT.decode())) for turn in range(20)
        ]
        while (await books(engine))["held"] < 20:
            pass
        members[0].process.kill()
        await members[0].process.wait()
        stage.release.set()
        statuses = await asyncio.gather(*calls)
        after = await books(engine)
        later = utc_now() + timedelta(hours=1)
        await late_ledger(engine, later).sweep()
        swept = await books(engine)

    assert Counter(statuses) == {200: 10, NO_ANSWER: 10}
    assert after == {"balance": 80, "held": 10, "ledger": 90, "charges": 10, "counted": 10}
    assert swept == {"balance": 90, "held": 0, "ledger": 90, "charges": 10, "counted": 10}


def late_ledger(engine: AsyncEngine, now: datetime) -> Ledger:
    usage = UsageBook(engine)
    return Ledger(engine, usage, prices={}, hold_for=timedelta(minutes=2), clock=lambda: now)
