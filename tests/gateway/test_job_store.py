"""Jobs and bulk jobs in a real database of each kind: counted, charged and given back once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.storage import UNLIMITED
from gateway.accounts.usage import UsageBook
from gateway.bulk.records import BulkRecord, ShardRecord
from gateway.bulk.store import BulkStore
from gateway.database.engine import DatabaseUnavailable
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import RUNNING, SUCCEEDED, JobLimits, JobRecord, hold_of
from gateway.jobs.store import JobGone, JobStore
from gateway.problems import Problem
from tests.gateway.job_stores import GOOD, add_job, end_job, job_store, ledger_of
from tests.gateway.running import Books, Hands, books

PASSING = Outcome(503, b"{}", is_passing=True)
UNTOUCHED = Books(balance=5, held=0, ledger=5, spent=0, charges=0)
BATCH = ("ocr", "nudity", "classify")


@pytest.fixture
def store(engine: AsyncEngine, clock: Hands) -> JobStore:
    return job_store(engine, clock=clock)


@pytest.fixture
def credit(engine: AsyncEngine, clock: Hands) -> Ledger:
    return ledger_of(engine, clock)


async def find(store: JobStore, job: JobRecord) -> JobRecord:
    found = await store.find(job.id, account="ada")
    assert found is not None
    return found


async def test_attempt_that_is_given_back_does_not_count(store: JobStore) -> None:
    job = await add_job(store)
    await store.start(job.id)
    await store.give_back(job.id)
    started = await store.start(job.id)

    assert started is not None
    assert started[0].attempts == 1


async def test_job_goes_from_queued_to_its_end(store: JobStore) -> None:
    job = await add_job(store, endpoints=BATCH)
    started = await store.start(job.id)
    running = await find(store, job)
    ended = await end_job(store, job)
    found = await find(store, job)

    assert (job.status, job.is_over) == ("queued", False)
    assert started is not None
    assert (started[0].attempts, started[1]) == (1, set())
    assert running.status == RUNNING
    assert (ended.status, ended.done) == (found.status, found.done) == (SUCCEEDED, 3)
    assert found.items is not None
    assert {number: item.status for number, item in found.items.items()} == {0: 200, 1: 200, 2: 200}


async def test_item_is_answered_and_charged_once(
    store: JobStore, engine: AsyncEngine, credit: Ledger
) -> None:
    """Two workers may have the same message in hand."""
    await AccountStore(engine).create("ada")
    await AccountStore(engine).credit("ada", 5)
    job = await add_job(store, endpoints=BATCH)

    async def work() -> bool:
        hold = hold_of(job.id, 0)
        try:
            async with credit.charge("ada", endpoint="ocr", hold=hold) as charge:
                await store.keep(job, 0, GOOD, charge)
        except (JobGone, DatabaseUnavailable):  # of two that wait for each other one is ended
            return False
        return True

    kept = await asyncio.gather(*(work() for _ in range(4)))

    assert sorted(kept) == [False, False, False, True]
    assert (await find(store, job)).done == 1
    assert await books(engine, "ada") == Books(balance=2, held=2, ledger=4, spent=1, charges=1)


async def test_price_is_reserved_with_the_job_and_given_back_when_it_is_cancelled(
    store: JobStore, engine: AsyncEngine
) -> None:
    await AccountStore(engine).create("ada")
    await AccountStore(engine).credit("ada", 5)
    job = await add_job(store, endpoints=BATCH)
    reserved = await books(engine, "ada")
    await store.remove(job.id, account="ada")

    assert reserved == Books(balance=2, held=3, ledger=5, spent=0, charges=0)
    assert await books(engine, "ada") == UNTOUCHED


@pytest.mark.parametrize("how", ["refused", "given up"])
async def test_item_without_a_good_answer_costs_nothing(
    store: JobStore, engine: AsyncEngine, how: str
) -> None:
    await AccountStore(engine).create("ada")
    await AccountStore(engine).credit("ada", 5)
    job = await add_job(store)
    if how == "refused":
        await store.keep(job, 0, Outcome(422, b"{}"), None)
    else:
        await store.bury(job.id)

    assert await books(engine, "ada") == UNTOUCHED


async def test_items_of_an_account_that_nobody_meters_are_counted(
    store: JobStore, engine: AsyncEngine, credit: Ledger, clock: Hands
) -> None:
    await AccountStore(engine).create("ada")
    job = await add_job(store)
    async with credit.charge("ada", endpoint="ocr", hold=hold_of(job.id, 0)) as charge:
        await store.keep(job, 0, GOOD, charge)
    usage = await UsageBook(engine, clock=clock).report("ada")

    assert [(day.endpoint, day.requests, day.credits) for day in usage.days] == [("ocr", 1, 0)]


async def test_end_is_final(store: JobStore) -> None:
    job = await add_job(store)
    await store.keep(job, 0, GOOD, None)

    with pytest.raises(JobGone):
        await store.keep(job, 0, Outcome(422, b"{}"), None)
    assert await store.start(job.id) is None
    assert not await store.bury(job.id)
    assert (await find(store, job)).status == SUCCEEDED


async def test_removed_job_keeps_no_answer(store: JobStore) -> None:
    job = await add_job(store)
    await store.remove(job.id, account="ada")

    with pytest.raises(JobGone):
        await store.keep(job, 0, GOOD, None)
    assert await store.alive([job.id]) == set()
    assert await store.start(job.id) is None


async def test_expired_job_is_not_started(store: JobStore, clock: Hands) -> None:
    job = await add_job(store)
    clock.now += timedelta(days=1)

    assert await store.start(job.id) is None


@pytest.mark.parametrize(
    ("limits", "words"),
    [(JobLimits(2, 9), "2 jobs wait"), (JobLimits(9, 2), "2 jobs of this account")],
)
async def test_jobs_are_counted_until_they_end(
    engine: AsyncEngine, limits: JobLimits, words: str
) -> None:
    store = job_store(engine, limits=limits)
    first, _ = await add_job(store), await add_job(store)
    with pytest.raises(Problem, match=words):
        await store.check_room("ada", input_bytes=1)
    await end_job(store, first)

    await store.check_room("ada", input_bytes=1)


async def test_publication_is_noted_once(store: JobStore) -> None:
    job = await add_job(store)
    await store.published(job.id, kind="jobs", number=2, place=7)
    await store.published(job.id, kind="jobs", number=1, place=6)

    assert (await find(store, job)).publications == 2


async def test_error_that_passes_marks_the_job_as_given_up(store: JobStore) -> None:
    job = await add_job(store)

    assert (await store.keep(job, 0, PASSING, None)).is_dead


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
