"""Jobs in the database, as several workers see them, on both databases."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.usage import UsageBook
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import RUNNING, SUCCEEDED, JobLimits, JobRecord
from gateway.jobs.rows import hold_of
from gateway.jobs.store import JobGone, JobStore
from gateway.problems import Problem
from tests.gateway.books import Books, books
from tests.gateway.clocks import Hands
from tests.gateway.job_stores import GOOD, add_job, end_job, job_store, ledger_of

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
        except JobGone:
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
