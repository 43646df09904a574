"""Several gateway processes and one account: what it has is spent once, whatever dies."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.clock import utc_now
from gateway.database.engine import open_database
from tests.gateway.processes import GatewayProcess, environment_of, fleet
from tests.gateway.running import Books, books
from tests.gateway.servers import Server
from tests.gateway.services import serving_all
from tests.gateway.stage import WAIT, Stage

ORDERS = 180
AT_ONCE = 64
HANG_UPS = 64  # times of hang-ups, evenly up to:
LONGEST_S = 0.4  # about what an answer takes at this load
ENOUGH_S = 90  # far beyond what any of the waits below takes

NO_ANSWER = 0
RUNNING = 409


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


async def call(http: aiohttp.ClientSession, member: GatewayProcess, text: str) -> int:
    """Return the status of one call, `NO_ANSWER` where the gateway died."""
    try:
        async with http.post(f"{member.url}/api/v1/analyzed-text", json={"text": text}) as reply:
            return reply.status
    except aiohttp.ClientError:
        return NO_ANSWER


@dataclass
class Orders:
    """Requests with an Idempotency-Key each, some hung up, and all sent again elsewhere."""

    http: aiohttp.ClientSession
    members: Sequence[GatewayProcess]
    places: asyncio.Semaphore
    answered: set[int] = field(default_factory=set)
    hung_up: int = 0

    async def send_twice(self, number: int, *, hang_up_s: float | None) -> None:
        """Send an order, hang up after that time, and send it again to another gateway."""
        async with self.places:
            try:
                async with asyncio.timeout(hang_up_s):
                    await self._send(number, turn=number)
            except TimeoutError:
                self.hung_up += 1
            await self.send(number)

    async def send(self, number: int) -> None:
        """Send an order to its second gateway until it is answered or refused."""
        while (status := await self._send(number, turn=number + 1)) == RUNNING:
            pass
        assert status in {200, 406}
        if status == 200:
            self.answered.add(number)

    async def _send(self, number: int, *, turn: int) -> int:
        url = f"{self.members[turn % len(self.members)].url}/api/v1/analyzed-text"
        headers = {"Idempotency-Key": str(number)}
        async with self.http.post(url, json={"text": f"{number}"}, headers=headers) as reply:
            return reply.status


async def test_hang_ups_and_repeats_spend_every_credit_once(
    url: str, tmp_path: Path, addresses: dict[str, str], nats: Server
) -> None:
    """Each order goes to one of two gateways, and again to the other; every third is hung up.

    PostgreSQL gets 360 requests for 90 credits, SQLite a third of them to spare time.
    """
    count = ORDERS if url.startswith("postgresql") else ORDERS // 3
    balance = count // 2
    waits = [None if n % 3 else LONGEST_S * (n % HANG_UPS) / HANG_UPS for n in range(count)]
    settings = {"database_url": url, "max_in_flight": 2 * AT_ONCE}
    async with (
        account(url, balance) as (engine, key),
        fleet(2, environment_of(tmp_path, nats, addresses, **settings)) as members,
        aiohttp.ClientSession(headers={"X-API-Key": key}) as http,
        asyncio.timeout(ENOUGH_S),
    ):
        orders = Orders(http, members, asyncio.Semaphore(AT_ONCE))
        async with asyncio.TaskGroup() as group:
            for number, wait_s in enumerate(waits):
                group.create_task(orders.send_twice(number, hang_up_s=wait_s))
        refused = iter(set(range(count)) - orders.answered)
        while (found := await books(engine, "ada")).balance or found.held:
            await orders.send(next(refused))  # what a late hang-up gave back

    assert orders.hung_up > 0
    assert len(orders.answered) == balance
    assert found == Books(balance=0, held=0, ledger=0, spent=balance, charges=balance)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # durability kills on SQLite
async def test_kill_in_the_middle_loses_nothing_and_the_holds_come_back(
    url: str, tmp_path: Path, nats: Server
) -> None:
    """Two gateways with ten calls each; one of them is killed while all are running."""
    stage = Stage()
    async with (
        serving_all(stage) as addresses,
        account(url, 100) as (engine, key),
        fleet(2, environment_of(tmp_path, nats, addresses, database_url=url)) as members,
        aiohttp.ClientSession(headers={"X-API-Key": key}) as http,
        asyncio.timeout(ENOUGH_S),
    ):
        calls = [
            asyncio.create_task(call(http, members[turn % 2], WAIT.decode())) for turn in range(20)
        ]
        while (await books(engine, "ada")).held < 20:
            pass
        await members[0].end(signal.SIGKILL)
        stage.release.set()
        statuses = await asyncio.gather(*calls)
        after = await books(engine, "ada")
        later = utc_now() + timedelta(hours=1)
        await late_ledger(engine, later).sweep()
        swept = await books(engine, "ada")

    assert Counter(statuses) == {200: 10, NO_ANSWER: 10}
    assert after == Books(balance=80, held=10, ledger=90, spent=10, charges=10)
    assert swept == Books(balance=90, held=0, ledger=90, spent=10, charges=10)


def late_ledger(engine: AsyncEngine, now: datetime) -> Ledger:
    usage = UsageBook(engine)
    return Ledger(engine, usage, prices={}, hold_for=timedelta(minutes=2), clock=lambda: now)
