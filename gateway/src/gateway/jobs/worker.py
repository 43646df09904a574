"""Worker: answers jobs through the same pipeline as requests, an item at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from attrs import define
from starlette.responses import Response

from gateway.accounts.ledger import Charge
from gateway.database.engine import DatabaseUnavailable
from gateway.jobs.engine import JOBS as KIND
from gateway.jobs.engine import Delivery
from gateway.jobs.inputs import JobInputs
from gateway.jobs.outcomes import Outcome, answered
from gateway.jobs.publishing import Publisher
from gateway.jobs.records import JobRecord
from gateway.jobs.store import JobGone, JobStore
from gateway.periodic import uncut
from gateway.problems import Problem
from servicekit.logs import get_logger
from servicekit.telemetry import JobMetrics

MAX_ATTEMPTS: Final = 5
BACK_OFF: Final = 4  # each wait is so many times the one before: 5 s, 20 s, 80 s, 5 min

_log = get_logger("jobs")


class RunningJob:
    """A job in the hand of a worker, as the pipeline sees it.

    Attributes:
        total: items that it has.
        is_stopped: true where no further item is worth its work.
    """

    def __init__(self, record: JobRecord, answered_items: Collection[int], store: JobStore) -> None:
        self.total = record.total
        self.is_stopped = False
        self.record = record
        self._answered = set(answered_items)
        self._store = store
        self._is_last = record.attempts >= MAX_ATTEMPTS

    @property
    def missing(self) -> list[int]:
        """Numbers of the items that have no answer yet."""
        return [number for number in range(self.total) if number not in self._answered]

    async def keep(self, number: int, answer: Response, charge: Charge) -> None:
        """Keep the answer to an item and settle its charge.

        Raises:
            JobGone: nobody can get it any more, so nothing was charged.
            DatabaseUnavailable: the item is tried again.
        """
        await self._keep(number, answered(answer), charge)

    async def refuse(self, number: int, outcome: Outcome) -> None:
        """Keep the error that an item ended with; one that passes by itself is tried again."""
        if outcome.is_passing and not self._is_last:
            return
        with suppress(JobGone, DatabaseUnavailable):
            await self._keep(number, outcome, None)

    async def _keep(self, number: int, outcome: Outcome, charge: Charge | None) -> None:
        try:
            self.record = await uncut(self._store.keep(self.record, number, outcome, charge))
        except (JobGone, DatabaseUnavailable):
            self.is_stopped = True
            raise
        self._answered.add(number)


# Answers the missing items of a job whose input is given.
Work = Callable[[bytes, RunningJob], Awaitable[None]]


@define(eq=False)
class JobWorker:
    """Works on messages of jobs."""

    _store: JobStore
    _inputs: JobInputs
    _publisher: Publisher
    _work: Work
    _retry_s: float  # wait after the first attempt that failed
    _metrics: JobMetrics

    async def handle(self, delivery: Delivery) -> float | None:
        """Work on a job; return after how many seconds it is tried again, None for never."""
        if delivery.is_again:
            self._metrics.redeliveries.labels(KIND).inc()
        try:
            started = await uncut(self._store.start(delivery.id))
            if started is None:
                return None
            record, answered_items = started
            if record.attempts > MAX_ATTEMPTS:
                await self._bury(record)
                return None
            return await self._try(RunningJob(record, answered_items, self._store))
        except DatabaseUnavailable:
            return self._retry_s
        except asyncio.CancelledError:
            with suppress(DatabaseUnavailable):
                await self._store.give_back(delivery.id)
            raise

    async def _try(self, job: RunningJob) -> float | None:
        wait_s = self._retry_s * float(BACK_OFF ** (job.record.attempts - 1))
        try:
            content = await self._inputs.read(job.record.id)
        except Problem:  # the store is away
            return wait_s
        if content is None:
            await self._bury(job.record)
            return None
        await self._work(content, job)
        if not job.record.is_over:
            _log.info("job not finished", job=job.record.id, attempt=job.record.attempts)
            return wait_s
        await self._end(job.record)
        return None

    async def _end(self, record: JobRecord) -> None:
        _log.info("job ended", job=record.id, status=record.status)
        self._metrics.ended.labels(record.status).inc()
        self._metrics.items.inc(record.total)
        await self._publisher.publish_webhook(record)
        if not record.is_dead:
            with suppress(Problem):  # the reconciler deletes it
                await self._inputs.delete(record.id)

    async def _bury(self, record: JobRecord) -> None:
        if await self._store.bury(record.id):
            _log.error("job given up", job=record.id, attempts=MAX_ATTEMPTS)
            self._metrics.ended.labels("dead").inc()
            await self._publisher.publish_webhook(record)
