"""Credits: never more is spent than there was, and once for each answer, on both databases."""

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from gateway.accounts.accounts import MAX_CREDITS, AccountStore
from gateway.accounts.idempotency import Claim, IdempotentAnswers, order_of
from gateway.accounts.ledger import SETTLED_FOR, UNMETERED_FOR, Ledger
from gateway.accounts.usage import UsageBook
from gateway.database.engine import open_database
from gateway.database.tables import LEDGER
from gateway.problems import Problem
from tests.gateway.hang_ups import cut, once
from tests.gateway.running import Hands, books, database_url

HOLD_FOR = timedelta(minutes=2)


@pytest.fixture
async def accounts(engine: AsyncEngine, clock: Hands) -> AccountStore:
    store = AccountStore(engine, clock=clock)
    await store.create("ada")
    return store


@pytest.fixture
def ledger(engine: AsyncEngine, clock: Hands) -> Ledger:
    return open_ledger(engine, clock)


@pytest.fixture
async def paid(accounts: AccountStore, ledger: Ledger) -> Ledger:
    """Return a ledger with an account of ten credits."""
    await accounts.credit("ada", 10)
    return ledger


def open_ledger(engine: AsyncEngine, clock: Hands) -> Ledger:
    usage = UsageBook(engine, clock=clock)
    prices = {"colorize": 3, "nudity": 0}
    return Ledger(engine, usage, prices=prices, hold_for=HOLD_FOR, clock=clock)


async def test_charge_takes_the_price_when_it_ends_well(engine: AsyncEngine, paid: Ledger) -> None:
    async with paid.charge("ada", endpoint="colorize"):
        during = (await books(engine, "ada"))[:4]
    after = (await books(engine, "ada"))[:4]

    assert during == (7, 3, 10, 0)
    assert after == (7, 0, 7, 3)


async def test_charge_that_does_not_end_well_costs_nothing(
    engine: AsyncEngine, paid: Ledger
) -> None:
    for fault in (Problem(503, "x", "y"), ValueError(), asyncio.CancelledError()):
        with pytest.raises(type(fault)):
            async with paid.charge("ada", endpoint="ocr"):
                raise fault

        assert (await books(engine, "ada"))[:4] == (10, 0, 10, 0)


@pytest.mark.parametrize("endpoint", ["ocr", "nudity"])
async def test_balance_of_zero_pays_only_what_is_free(
    accounts: AccountStore, ledger: Ledger, endpoint: str
) -> None:
    await accounts.credit("ada", 0)

    try:
        async with ledger.charge("ada", endpoint=endpoint):
            entered = endpoint
    except Problem as refused:
        entered = refused.code

    assert entered == {"ocr": "insufficient_balance", "nudity": "nudity"}[endpoint]


async def test_account_without_a_balance_is_not_metered(
    engine: AsyncEngine, accounts: AccountStore, ledger: Ledger
) -> None:
    for name in ("ada", "nobody"):
        async with ledger.charge(name, endpoint="ocr"):
            pass

    assert (await books(engine, "ada"))[:4] == (None, 0, 0, 0)
    assert [account.balance for account in await accounts.list_accounts()] == [None]


async def test_account_is_metered_soon_after_its_first_credit(
    engine: AsyncEngine, accounts: AccountStore, ledger: Ledger, clock: Hands
) -> None:
    async with ledger.charge("ada", endpoint="ocr"):
        pass
    await accounts.credit("ada", 10)
    clock.now += UNMETERED_FOR

    async with ledger.charge("ada", endpoint="ocr"):
        pass

    assert (await books(engine, "ada"))[:4] == (9, 0, 9, 1)


async def test_hold_of_a_dead_process_comes_back_when_it_expires(
    engine: AsyncEngine, paid: Ledger, clock: Hands
) -> None:
    """A charge that has not ended stands for the process that was killed inside it."""
    async with open_ledger(engine, clock).charge("ada", endpoint="colorize"):
        early = await paid.sweep()
        held = (await books(engine, "ada"))[:4]
        clock.now += HOLD_FOR
        late = await asyncio.gather(paid.sweep(), open_ledger(engine, clock).sweep())

    assert (early, held) == (0, (7, 3, 10, 0))
    assert sum(late) == 1
    assert (await books(engine, "ada"))[:4] == (10, 0, 10, 0)


async def test_charge_whose_hold_expired_is_free(
    engine: AsyncEngine, paid: Ledger, clock: Hands
) -> None:
    """It was given back, so it must not be taken a second time."""
    async with paid.charge("ada", endpoint="ocr"):
        clock.now += HOLD_FOR
        await paid.sweep()

    assert (await books(engine, "ada"))[:4] == (10, 0, 10, 0)


async def test_no_credit_is_spent_twice_however_many_ask_at_once(
    engine: AsyncEngine, accounts: AccountStore, url: str, clock: Hands
) -> None:
    """Two engines stand for two processes."""
    await accounts.credit("ada", 60)
    other = await open_database(url)
    ledgers = [open_ledger(engine, clock), open_ledger(other, clock)]

    async def pay(turn: int) -> str:
        try:
            async with ledgers[turn % 2].charge("ada", endpoint="ocr"):
                return "paid"
        except Problem as refused:
            return refused.code

    outcomes = Counter(await asyncio.gather(*map(pay, range(100))))
    await other.dispose()

    paid = outcomes["paid"]
    assert (await books(engine, "ada"))[:4] == (60 - paid, 0, 0, paid)
    # A database that is busy for seconds refuses some, which pay nothing.
    assert paid == 60 or outcomes["unavailable"] > 0


async def test_credits_can_be_taken_back_but_not_below_zero(accounts: AccountStore) -> None:
    given = [await accounts.credit("ada", amount) for amount in (10, -4, -7, MAX_CREDITS)]

    assert given == [10, 6, None, None]


async def test_unknown_account_gets_no_credits(engine: AsyncEngine, accounts: AccountStore) -> None:
    assert await accounts.credit("nobody", 10) is None
    assert (await books(engine, "ada"))[:4] == (None, 0, 0, 0)


async def test_account_is_made_once(accounts: AccountStore) -> None:
    assert [await accounts.create("bob"), await accounts.create("bob")] == [True, False]
    assert [account.name for account in await accounts.list_accounts()] == ["ada", "bob"]


async def pay(paid: Ledger, item: str | None) -> None:
    async with paid.charge("ada", endpoint="ocr", item=item):
        pass


async def test_item_is_charged_once_by_key_and_number(engine: AsyncEngine, paid: Ledger) -> None:
    """A batch of three is hung up after its second item, and sent again twice."""
    for items in (2, 3, 3):
        for number in range(items):
            await pay(paid, f"order:{number}")

    assert (await books(engine, "ada"))[:2] == (7, 0)


async def test_item_without_a_key_is_charged_each_time(engine: AsyncEngine, paid: Ledger) -> None:
    for _ in range(3):
        await pay(paid, None)

    assert (await books(engine, "ada"))[:2] == (7, 0)


async def test_item_that_failed_is_charged_when_it_is_answered(
    engine: AsyncEngine, paid: Ledger
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with paid.charge("ada", endpoint="ocr", item="order:0"):
            raise ZeroDivisionError
    await pay(paid, "order:0")

    assert (await books(engine, "ada"))[:2] == (9, 0)


async def test_key_is_a_new_order_when_it_is_forgotten(
    engine: AsyncEngine, paid: Ledger, clock: Hands
) -> None:
    await pay(paid, "order:0")
    clock.now += SETTLED_FOR
    await pay(paid, "order:0")
    await paid.sweep()

    assert (await books(engine, "ada"))[:2] == (8, 0)


def test_order_is_of_one_account_one_key_and_one_request() -> None:
    asked = [("ada", "k", "f"), ("bob", "k", "f"), ("ada", "l", "f"), ("ada", "k", "g")]

    assert len({order_of(*parts) for parts in asked}) == 4
    assert order_of("ada", None, "f") is None


async def test_charge_that_is_cancelled_leaves_no_hold(engine: AsyncEngine, paid: Ledger) -> None:
    for steps in range(0, 100, 3):
        await cut(pay(paid, None), after_steps=steps)
        assert (await books(engine, "ada")).held == 0, steps


async def test_request_that_is_cancelled_frees_its_key(engine: AsyncEngine) -> None:
    answers = IdempotentAnswers(engine, claim_for=timedelta(minutes=1))

    async def ask(key: str) -> Response:
        return await once(answers, key, answer)

    for steps in range(0, 100, 3):
        await cut(ask(f"k{steps}"), after_steps=steps)
        assert (await ask(f"k{steps}")).status_code == 200


async def answer(_: Claim) -> Response:
    return Response("{}")


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
def kept_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return database_url(Path(tmp_path_factory.mktemp("books")))


NAMES = (f"account-{number}" for number in itertools.count())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(CREDIT | PAID | LATER, max_size=15))
def test_ledger_adds_up_after_every_step(kept_url: str, steps: list[tuple[object, ...]]) -> None:
    async def live() -> None:
        engine = await open_database(kept_url)
        world = World(engine, next(NAMES))
        await world.start()
        for name, *arguments in steps:
            await world.step(str(name), *arguments)
            await world.check()
        await world.close()
        await world.check()
        await engine.dispose()

    asyncio.run(live())
