"""Stores of jobs for tests, on a database of the test's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from gateway.accounts.idempotency import NoClaim
from gateway.accounts.ledger import Ledger
from gateway.accounts.storage import UNLIMITED, Storage
from gateway.accounts.usage import UsageBook
from gateway.database.clock import Clock, utc_now
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import JobLimits, JobRecord, NewJob
from gateway.jobs.store import JobStore

DAY: Final = timedelta(days=1)
GOOD: Final = Outcome(200, b'{"result":1}')


def job_store(
    engine: AsyncEngine,
    *,
    clock: Clock = utc_now,
    limits: JobLimits | None = None,
    storage: Storage = UNLIMITED,
) -> JobStore:
    """Return a store whose items cost a credit each."""
    return JobStore(
        engine,
        credit=ledger_of(engine, clock),
        lifetime=DAY,
        limits=limits or JobLimits(waiting=100, waiting_per_account=100),
        clock=clock,
        storage=storage,
    )


def ledger_of(engine: AsyncEngine, clock: Clock = utc_now) -> Ledger:
    """Return the ledger of a database."""
    usage = UsageBook(engine, clock=clock)
    return Ledger(engine, usage, prices={}, hold_for=timedelta(minutes=2), clock=clock)


async def add_job(
    store: JobStore,
    *,
    account: str = "ada",
    webhook: str | None = None,
    endpoints: Sequence[str] = ("ocr",),
) -> JobRecord:
    """Return a new job; a batch where it asks for more than one answer."""
    job = NewJob(
        account=account,
        request_id="r",
        endpoints=endpoints,
        is_batch=len(endpoints) > 1,
        input_bytes=5,
        webhook=webhook,
    )
    record, _ = await store.add(job, NoClaim(), lambda _: Response())
    return record


async def end_job(store: JobStore, job: JobRecord) -> JobRecord:
    """Return the job when its items are answered; they cost nothing."""
    for number in range(job.total):
        job = await store.keep(job, number, GOOD, None)
    return job
