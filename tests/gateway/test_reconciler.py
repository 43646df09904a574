"""The reconciler: what the stream or the object store has lost, or has too much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from obstore.store import LocalStore
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from gateway.accounts.idempotency import Claim, IdempotentAnswers
from gateway.jobs.backlog import Backlog
from gateway.jobs.engine import JOBS, WEBHOOKS, EngineOptions, JobEngine, running_engine
from gateway.jobs.inputs import JobInputs
from gateway.jobs.outcomes import Outcome
from gateway.jobs.publishing import Publisher, account_token
from gateway.jobs.reconciler import Reconciler
from gateway.jobs.records import QUEUED, NewJob
from gateway.jobs.store import JobStore
from gateway.jobs.submission import Jobs
from gateway.periodic import PeriodicTasks
from servicekit.telemetry import JobMetrics, PeriodicMetrics
from tests.gateway.hang_ups import cut, once
from tests.gateway.job_stores import DAY, add_job, end_job, job_store
from tests.gateway.running import Hands, database_url
from tests.gateway.servers import Server, nats_server, prefix_of

ENOUGH_S = 20  # far beyond what any of these tests takes
LATER = timedelta(seconds=6)
TOKEN = account_token("ada")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return one kind of database; `test_job_store` and `test_database` run with both."""
    return database_url(tmp_path)


@dataclass(frozen=True, slots=True)
class Parts:
    """A reconciler and what it reconciles."""

    engine: JobEngine
    store: JobStore
    publisher: Publisher
    inputs: JobInputs
    backlog: Backlog
    reconciler: Reconciler
    registry: CollectorRegistry


@asynccontextmanager
async def parts_of(
    engine: AsyncEngine, clock: Hands, folder: Path, server: Server
) -> AsyncIterator[Parts]:
    tasks = PeriodicTasks(PeriodicMetrics(CollectorRegistry()))
    options = EngineOptions(server.url, prefix_of(folder), replicas=1, ack_wait_s=30)
    store, backlog = job_store(engine, clock=clock), Backlog(engine, clock=clock)
    inputs = JobInputs(engine, LocalStore(folder / "objects", mkdir=True))
    registry = CollectorRegistry()
    async with asyncio.timeout(ENOUGH_S), running_engine(options, tasks) as queue:
        publisher = Publisher(queue, store)
        reconciler = Reconciler(
            backlog,
            engine=queue,
            publisher=publisher,
            inputs=inputs,
            metrics=JobMetrics(registry),
        )
        yield Parts(queue, store, publisher, inputs, backlog, reconciler, registry)


async def test_job_that_was_never_published_is_published(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        job = await add_job(parts.store)
        await parts.reconciler.reconcile()
        early = await parts.engine.pull(JOBS, TOKEN)
        clock.now += LATER
        await parts.reconciler.reconcile()
        await parts.reconciler.reconcile()
        message = await parts.engine.pull(JOBS, TOKEN)
        second = await parts.engine.pull(JOBS, TOKEN)

    assert early is None
    assert message is not None
    assert message.id == job.id
    assert second is None


async def test_what_nats_has_lost_is_published_again(
    engine: AsyncEngine, clock: Hands, tmp_path: Path
) -> None:
    with nats_server() as server:
        async with parts_of(engine, clock, tmp_path, server) as parts:
            job = await add_job(parts.store)
            hooked = await add_job(parts.store, webhook="http://a.example/")
            ended = await end_job(parts.store, hooked)
            await parts.publisher.publish_job(job)
            await parts.publisher.publish_webhook(ended)
            server.kill()
            server.lose_all()
            server.start()
            while not parts.engine.counts(JOBS):
                await parts.reconciler.reconcile()
            await parts.engine.refresh()
            counts = parts.engine.counts(JOBS), parts.engine.counts(WEBHOOKS)
            message = await parts.engine.pull(JOBS, TOKEN)

    assert [sum(count.values()) for count in counts] == [1, 1]
    assert message is not None
    assert message.id == job.id


async def test_what_is_there_is_not_published_again(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        await parts.publisher.publish_job(await add_job(parts.store))
        message = await parts.engine.pull(JOBS, TOKEN)
        clock.now += timedelta(hours=1)
        await parts.reconciler.reconcile()
        await parts.engine.refresh()

        assert parts.engine.counts(JOBS) == {TOKEN: 1}
        assert message is not None


async def test_input_goes_with_the_end_and_stays_with_a_job_that_was_given_up(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        jobs = [await add_job(parts.store) for _ in range(3)]
        for job in jobs:
            await parts.inputs.write(job.id, b"12345")
        await end_job(parts.store, jobs[0])
        await parts.store.bury(jobs[1].id)
        await parts.reconciler.reconcile()
        kept = [await parts.inputs.read(job.id) for job in jobs]
        clock.now += DAY
        await parts.reconciler.reconcile()
        left = [await parts.inputs.read(job.id) for job in jobs]

    assert kept == [None, b"12345", b"12345"]
    assert left == [None] * 3
    assert not list((tmp_path / "objects").glob("*/*"))


async def test_job_that_was_given_up_is_queued_again(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        job = await add_job(parts.store, endpoints=("ocr", "nudity"))
        await parts.store.start(job.id)
        await parts.store.keep(job, 0, Outcome(200, b"{}"), None)
        await parts.store.keep(job, 1, Outcome(503, b"{}", is_passing=True), None)
        ((dead, _),) = await parts.backlog.dead()
        requeued = await parts.backlog.requeue(job.id)
        started = await parts.store.start(job.id)

        assert dead.id == job.id
        assert requeued
        assert not await parts.backlog.requeue(job.id)
    assert started is not None
    assert (started[0].attempts, started[0].done, started[1]) == (1, 1, {0})


async def test_depth_age_and_dead_letters_are_metrics(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        await add_job(parts.store)
        await parts.store.bury((await add_job(parts.store)).id)
        clock.now += timedelta(seconds=3)
        await parts.reconciler.reconcile()

    lines = generate_latest(parts.registry).decode().splitlines()
    assert 'imagemesh_jobs_waiting{kind="jobs"} 1.0' in lines
    assert 'imagemesh_jobs_oldest_seconds{kind="jobs"} 3.0' in lines
    assert "imagemesh_jobs_dead 1.0" in lines


async def test_submission_that_is_hung_up_and_repeated_makes_one_job(
    engine: AsyncEngine, clock: Hands, tmp_path: Path, nats: Server
) -> None:
    answers = IdempotentAnswers(engine, claim_for=DAY, clock=clock)
    new = NewJob(account="ada", request_id="r", endpoints=["ocr"])
    async with parts_of(engine, clock, tmp_path, nats) as parts:
        jobs = Jobs(
            parts.store, inputs=parts.inputs, engine=parts.engine, publisher=parts.publisher
        )

        async def submit(claim: Claim) -> Response:
            return await jobs.submit(new, b"input", claim=claim, respond=lambda _: Response())

        for steps in range(0, 60, 3):
            ask = partial(once, answers, f"k{steps}", submit)
            await cut(ask(), after_steps=steps)
            await ask()

        found = await parts.store.page("ada", statuses=[QUEUED], limit=100, after=None)
        inputs = [await parts.inputs.read(job.id) for job in found]

    assert inputs == [b"input"] * 20
