"""Whatever is done in whatever order, balance plus holds is the sum of the ledger."""

import asyncio
import itertools
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.engine import open_database
from gateway.database.tables import LEDGER
from gateway.problems import Problem
from tests.gateway.books import books
from tests.gateway.clocks import Hands
from tests.gateway.running import database_url

HOLD_FOR = timedelta(minutes=2)
PRICES = {"ocr": 1, "colorize": 7, "nudity": 0}

CREDIT = st.tuples(st.just("credit"), st.integers(-20, 50))
PAID = st.tuples(st.sampled_from(["charge", "fail", "begin"]), st.sampled_from([*PRICES]))
LATER = st.sampled_from([("end",), ("expire",)])


class World:
    """An account, its open charges, and what both should come to."""

    def __init__(self, engine: AsyncEngine, account: str) -> None:
        self._engine = engine
        self._account = account
        self._clock = Hands()
        self._accounts = AccountStore(engine, clock=self._clock)
        usage = UsageBook(engine, clock=self._clock)
        self._ledger = Ledger(engine, usage, prices=PRICES, hold_for=HOLD_FOR, clock=self._clock)
        self._open: list[AsyncExitStack] = []

    async def start(self) -> None:
        """Make the account, with a balance."""
        await self._accounts.create(self._account)
        await self._accounts.credit(self._account, 10)

    async def step(self, name: str, *arguments: object) -> None:
        """Do one thing."""
        with suppress(Problem, ZeroDivisionError):
            await getattr(self, f"_{name}")(*arguments)

    async def _credit(self, amount: int) -> None:
        await self._accounts.credit(self._account, amount)

    async def _charge(self, endpoint: str) -> None:
        async with self._ledger.charge(self._account, endpoint=endpoint):
            pass

    async def _fail(self, endpoint: str) -> None:
        async with self._ledger.charge(self._account, endpoint=endpoint):
            raise ZeroDivisionError

    async def _begin(self, endpoint: str) -> None:
        stack = AsyncExitStack()
        charge = self._ledger.charge(self._account, endpoint=endpoint)
        await stack.enter_async_context(charge)
        self._open.append(stack)

    async def _end(self) -> None:
        if self._open:
            await self._open.pop(0).aclose()

    async def _expire(self) -> None:
        self._clock.now += HOLD_FOR
        await self._ledger.sweep()

    async def close(self) -> None:
        """End all that is open."""
        while self._open:
            await self._end()

    async def check(self) -> None:
        """Compare the tables with each other."""
        found = await books(self._engine, self._account)
        assert found.balance is not None
        assert found.balance >= 0
        assert found.balance + found.held == found.ledger
        assert found.spent == await self._charged()

    async def _charged(self) -> int:
        rows = select(func.sum(LEDGER.c.amount)).where(LEDGER.c.account == self._account)
        async with self._engine.connect() as connection:
            return -int(await connection.scalar(rows.where(LEDGER.c.kind == "charge")) or 0)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return database_url(Path(tmp_path_factory.mktemp("books")))


NAMES = (f"account-{number}" for number in itertools.count())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(CREDIT | PAID | LATER, max_size=15))
def test_ledger_adds_up_after_every_step(url: str, steps: list[tuple[object, ...]]) -> None:
    async def live() -> None:
        engine = await open_database(url)
        world = World(engine, next(NAMES))
        await world.start()
        for name, *arguments in steps:
            await world.step(str(name), *arguments)
            await world.check()
        await world.close()
        await world.check()
        await engine.dispose()

    asyncio.run(live())
