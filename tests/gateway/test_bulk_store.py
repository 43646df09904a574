"""Shards of bulk jobs in a real database of each kind: counted, charged and given back once."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.storage import UNLIMITED
from gateway.accounts.usage import UsageBook
from gateway.bulk.records import BulkRecord, ShardRecord
from gateway.bulk.store import BulkStore
from gateway.jobs.store import JobGone
from gateway.problems import Problem
from tests.gateway.books import books
from tests.gateway.clocks import Hands

BULK = "0123456789abcdef0123456789abcdef"


class Shop:
    """A store of bulk jobs and the books of the account that pays them."""

    def __init__(self, engine: AsyncEngine, clock: Hands) -> None:
        self.engine = engine
        usage = UsageBook(engine, clock=clock)
        self.ledger = Ledger(
            engine, usage, prices={"ocr": 2}, hold_for=timedelta(minutes=2), clock=clock
        )
        self.store = BulkStore(
            engine,
            credit=self.ledger,
            lifetime=timedelta(hours=24),
            most=1,
            clock=clock,
            storage=UNLIMITED,
        )

    async def submit(self, *shards: int, amount: int = 1000) -> BulkRecord:
        """Return a queued job with shards of so many items."""
        accounts = AccountStore(self.engine)
        await accounts.create("ada")
        await accounts.credit("ada", amount)
        await self.store.open(BULK, "ada", request_id="r", endpoint="ocr")
        for items in shards:
            await self.store.add_shard(BULK, "ada", items=items, size_bytes=10)
        return await self.store.complete(BULK)

    async def start(self, number: int) -> ShardRecord:
        """Begin an attempt at a shard."""
        shard = await self.store.start(BULK, number)
        assert shard is not None
        return shard

    async def books(self) -> tuple[int | None, int, int, int]:
        """Return balance, held and spent credits, and the number of charges."""
        found = await books(self.engine, "ada")
        return found.balance, found.held, found.spent, found.charges


@pytest.fixture
def shop(engine: AsyncEngine, clock: Hands) -> Shop:
    """Return a store on each kind of database."""
    return Shop(engine, clock)


async def test_shards_number_the_items(shop: Shop) -> None:
    record = await shop.submit(10, 20, 3)

    shard = await shop.start(2)

    assert (record.total, record.shards, record.status) == (33, 3, "queued")
    assert (shard.first, shard.items, shard.attempt, shard.is_paid) == (30, 3, 1, True)


async def test_answered_items_are_charged_and_the_job_ends_with_the_last(shop: Shop) -> None:
    await shop.submit(3, 2)

    await shop.start(0)
    reserved = await shop.books()
    first = await shop.store.keep(
        await shop.start(0), good=[0, 2], failed=1, is_over=True, grown_bytes=5
    )
    last = await shop.store.keep(
        await shop.start(1), good=[3, 4], failed=0, is_over=True, grown_bytes=5
    )

    assert reserved == (994, 6, 0, 0)
    assert (first.done, first.failed, first.status) == (3, 1, "running")
    assert (last.done, last.failed, last.status) == (5, 1, "succeeded")
    assert await shop.books() == (992, 0, 8, 4)
    assert await shop.store.start(BULK, 1) is None


async def test_attempt_that_another_has_followed_keeps_nothing(shop: Shop) -> None:
    await shop.submit(2)
    slow, newer = await shop.start(0), await shop.start(0)

    with pytest.raises(JobGone):
        await shop.store.keep(slow, good=[0, 1], failed=0, is_over=True, grown_bytes=0)
    kept = await shop.store.keep(newer, good=[0, 1], failed=0, is_over=True, grown_bytes=0)
    with pytest.raises(JobGone):
        await shop.store.keep(newer, good=[0, 1], failed=0, is_over=True, grown_bytes=0)

    assert (kept.done, await shop.books()) == (2, (996, 0, 4, 2))


async def test_open_shard_goes_on_with_what_is_left(shop: Shop) -> None:
    await shop.submit(3)

    await shop.store.keep(await shop.start(0), good=[1], failed=0, is_over=False, grown_bytes=0)
    between = await shop.books()
    again = await shop.start(0)

    assert between == (998, 0, 2, 1)
    assert (again.attempt, again.part) == (2, 1)
    assert await shop.books() == (994, 4, 2, 1)


async def test_reserved_price_that_expired_is_taken_again(shop: Shop, clock: Hands) -> None:
    await shop.submit(2)
    shard = await shop.start(0)
    clock.now += timedelta(hours=2)
    await shop.ledger.sweep()

    await shop.store.keep(shard, good=[0, 1], failed=0, is_over=True, grown_bytes=0)

    assert await shop.books() == (996, 0, 4, 2)


async def test_shard_that_the_account_cannot_pay_is_told(shop: Shop) -> None:
    await shop.submit(4, amount=8)
    await AccountStore(shop.engine).credit("ada", -1)

    shard = await shop.start(0)

    assert not shard.is_paid
    assert await shop.books() == (7, 0, 0, 0)


async def test_deleted_job_gives_back_what_it_reserved(shop: Shop) -> None:
    await shop.submit(4)
    shard = await shop.start(0)

    await shop.store.delete(BULK)

    with pytest.raises(JobGone):
        await shop.store.keep(shard, good=[0], failed=3, is_over=True, grown_bytes=0)
    assert await shop.books() == (1000, 0, 0, 0)
    assert await shop.store.find(BULK, account="ada") is None


async def test_job_that_is_there_or_one_too_many_is_refused(shop: Shop) -> None:
    await shop.store.open(BULK, "ada", request_id="r", endpoint="ocr")

    with pytest.raises(Problem, match="1 bulk jobs") as second:
        await shop.store.open("f" * 32, "ada", request_id="r", endpoint="ocr")
    with pytest.raises(Problem, match="Idempotency-Key") as same:
        await shop.store.open(BULK, "bob", request_id="r", endpoint="ocr")

    assert (second.value.status, same.value.status) == (429, 409)
