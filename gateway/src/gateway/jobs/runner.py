"""Jobs: requests that are answered later, run by the gateway that took them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from gateway.database.engine import DatabaseUnavailable
from gateway.input.bodies import UploadMemory
from gateway.jobs.answers import lost
from gateway.jobs.outcomes import KeptItem, Outcome, answered, broken, refused
from gateway.jobs.store import FAILED, SUCCEEDED, JobRecord, JobStore
from gateway.jobs.webhooks import Webhooks
from gateway.periodic import PeriodicTasks
from gateway.problems import Problem
from servicekit.logs import get_logger

BEAT_EVERY_S = 10.0  # a sixth of `gateway.jobs.store.LOST_AFTER`

_log = get_logger("jobs")


class JobGone(Exception):
    """The job was cancelled or given up meanwhile: nobody can get its answer."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits on the jobs of this gateway.

    Attributes:
        running: at once.
        waiting: queued or running, of all accounts.
        waiting_per_account: queued or running, of one account.
        held_bytes: images that queued and running jobs hold in memory, together.
    """

    running: int
    waiting: int
    waiting_per_account: int
    held_bytes: int


class RunningJob:
    """A job that runs, as its work sees it.

    Attributes:
        id: of the job.
        is_ending: true from when its answer is kept; it is not stopped any more, else there could
            be an answer that is not paid.
    """

    def __init__(self, job: str, store: JobStore) -> None:
        self.id = job
        self.is_ending = False
        self._store = store
        self._items: list[KeptItem] = []

    async def note(self, done: int) -> None:
        """Tell how many items are answered."""
        try:
            await self._store.advance(self.id, done=done)
        except DatabaseUnavailable:
            _log.warning("progress not noted", job=self.id)

    async def keep_item(self, number: int, answer: Response) -> None:
        """Keep the answer to one request of a batch, so that it is not lost with the others.

        Raises:
            Problem: 503, nobody can get it any more, so it must not be paid.
        """
        self._items.append(KeptItem(number, answered(answer).as_item()))
        items = msgspec.json.encode(self._items).decode()
        if not await self._store.keep_items(self.id, items):
            raise lost()

    async def keep(self, answer: Response) -> None:
        """Keep the answer; the job has succeeded.

        Raises:
            JobGone: nobody can get it any more, so it must not be paid.
        """
        await self.end(answered(answer), status=SUCCEEDED)

    async def end(self, outcome: Outcome, *, status: str) -> None:
        """Keep what the job ends with.

        Raises:
            JobGone: as `keep`.
        """
        self.is_ending = True
        answer = msgspec.json.encode(outcome.as_item()).decode()
        if not await self._store.end(self.id, status=status, answer=answer):
            raise JobGone


# It keeps an answer, or raises.
Work = Callable[[RunningJob], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job that is asked for.

    Attributes:
        account: who asks.
        request_id: of the request.
        total: how many items it has.
        held_bytes: size of the images that it holds in memory until it ends.
        webhook: where it is sent when it has ended.
        work: does it.
        endpoints: names of those that it asks.
    """

    account: str
    request_id: str
    total: int
    held_bytes: int
    webhook: str | None
    work: Work
    endpoints: Collection[str] = ()


class JobRunner:
    """Runs jobs, a few at once, in the order in which they came.

    Args:
        store: where their state is.
        webhooks: told when one has ended.
        limits: how many there may be.
    """

    def __init__(self, store: JobStore, webhooks: Webhooks, limits: JobLimits) -> None:
        self._store = store
        self._webhooks = webhooks
        self._limits = limits
        self._memory = UploadMemory(limits.held_bytes)
        self._turns = asyncio.Semaphore(limits.running)
        self._running: dict[str, tuple[RunningJob, asyncio.Task[None]]] = {}
        self._accounts: Counter[str] = Counter()

    async def submit(self, order: JobOrder) -> JobRecord:
        """Queue a job and return it.

        Raises:
            Problem: 429, there are too many; 503, the database is away.
        """
        with ExitStack() as stack:
            stack.enter_context(self._memory.share(order.account)).grow_to(order.held_bytes)
            self._count(order.account, stack)
            record = await self._store.add(
                account=order.account,
                request_id=order.request_id,
                total=order.total,
                webhook=order.webhook,
                endpoints=order.endpoints,
            )
            held = stack.pop_all()
        job = RunningJob(record.id, self._store)
        task = asyncio.create_task(self._run(job, order))
        self._running[record.id] = (job, task)
        task.add_done_callback(lambda _: self._forget(record.id, held))
        return record

    async def find(
        self, job: str, *, account: str, scopes: Collection[str] | None = None
    ) -> JobRecord | None:
        """Return that job of the account, None where a key with these scopes may not see it."""
        return await self._store.find(job, account=account, scopes=scopes)

    async def cancel(
        self, job: str, *, account: str, scopes: Collection[str] | None = None
    ) -> bool:
        """End and forget that job; return False where a key with these scopes may not see it.

        Another gateway that runs it stops at its next beat.
        """
        if scopes is not None and not await self.find(job, account=account, scopes=scopes):
            return False
        if not await self._store.remove(job, account=account):
            return False
        await self._stop([job])
        return True

    async def beat(self) -> None:
        """Say that the jobs here are alive, and stop those that were cancelled elsewhere."""
        mine = set(self._running)
        if mine:
            await self._stop(mine - await self._store.beat(mine))
        count = await self._store.sweep()
        if count:
            _log.warning("jobs lost", count=count)
            self._webhooks.wake()

    async def close(self) -> None:
        """Stop all jobs; they end as lost."""
        mine = list(self._running)
        if not mine:
            return
        await self._stop(mine)
        try:
            await self._store.give_up(mine)
        except DatabaseUnavailable:
            _log.warning("jobs are found lost when their beats stay away", count=len(mine))

    async def _run(self, job: RunningJob, order: JobOrder) -> None:
        try:
            async with self._turns:
                await job.note(0)
                await self._work(job, order)
        except JobGone:
            _log.info("job gone", job=job.id)
        except DatabaseUnavailable:
            _log.warning("end of a job not noted", job=job.id)
        else:
            _log.info("job ended", job=job.id)
            self._webhooks.wake()

    async def _work(self, job: RunningJob, order: JobOrder) -> None:
        try:
            await order.work(job)
        except JobGone:
            raise
        except Problem as problem:
            await job.end(refused(problem, request_id=order.request_id), status=FAILED)
        except Exception:  # noqa: BLE001 - the edge of a job: it must end, and say so
            _log.exception("job failed", job=job.id)
            await job.end(broken(request_id=order.request_id), status=FAILED)

    def _count(self, account: str, stack: ExitStack) -> None:
        if self._accounts.total() >= self._limits.waiting:
            raise _too_many(f"{self._limits.waiting} jobs wait already")
        if self._accounts[account] >= self._limits.waiting_per_account:
            raise _too_many(f"{self._limits.waiting_per_account} jobs of this account wait already")
        self._accounts[account] += 1
        stack.callback(self._uncount, account)

    def _uncount(self, account: str) -> None:
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]

    def _forget(self, job: str, held: ExitStack) -> None:
        held.close()
        del self._running[job]

    async def _stop(self, jobs: Collection[str]) -> None:
        stopped = [self._running[job] for job in jobs if job in self._running]
        for job, task in stopped:
            if not job.is_ending:
                task.cancel()
        # What they hold (an RPC, a charge) is given back before they count as stopped.
        await asyncio.gather(*(task for _, task in stopped), return_exceptions=True)


def _too_many(what: str) -> Problem:
    return Problem(429, "overloaded", f"{what}; try again later")


@asynccontextmanager
async def running_jobs(
    store: JobStore, webhooks: Webhooks, limits: JobLimits, tasks: PeriodicTasks
) -> AsyncIterator[JobRunner]:
    """Yield a runner that beats, and stop its jobs at the end."""
    runner = JobRunner(store, webhooks, limits)
    try:
        async with tasks.repeating({"heartbeats of jobs": runner.beat}, every_s=BEAT_EVERY_S):
            yield runner
    finally:
        await runner.close()
