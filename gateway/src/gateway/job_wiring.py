"""Wiring of jobs and bulk jobs: opens the engine, their stores, their upkeep and their workers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.accounts.ledger import Ledger
from gateway.bulk.files import BulkFiles
from gateway.bulk.store import BulkPublisher, BulkStore
from gateway.bulk.submission import BulkJobs
from gateway.bulk.upkeep import BulkUpkeep
from gateway.bulk.worker import BulkWorker
from gateway.hosting.sources import Sources
from gateway.jobs.backlog import Backlog
from gateway.jobs.engine import BULK, JOBS, WEBHOOKS, EngineOptions, JobEngine, running_engine
from gateway.jobs.inputs import JobInputs
from gateway.jobs.publishing import Publisher
from gateway.jobs.pulling import Puller, PullLimits, pulling
from gateway.jobs.reconciler import RECONCILE_EVERY_S, SWEEP_EVERY_S, Reconciler
from gateway.jobs.records import JobLimits
from gateway.jobs.store import JobStore
from gateway.jobs.submission import Jobs
from gateway.jobs.webhooks import DELIVERIES, Webhooks
from gateway.jobs.worker import JobWorker
from gateway.requests.pipeline import Pipeline
from gateway.resources import Resources
from gateway.settings import GatewaySettings

# Shards that a worker has in hand, of 8 MiB in memory each. One of an account: its items are
# answered side by side, and a worker that dies repeats no more than one.
_SHARDS = (8, 1)


@dataclass(frozen=True, slots=True)
class JobParts:
    """Parts of the jobs and bulk jobs of a process."""

    engine: JobEngine
    jobs: Jobs
    bulk: BulkJobs
    sources: Sources
    webhooks: Webhooks


@asynccontextmanager
async def open_jobs(resources: Resources, ledger: Ledger) -> AsyncIterator[JobParts]:
    """Open all that takes and keeps jobs, and reconcile them until the end."""
    settings, tasks = resources.settings, resources.process.tasks
    async with AsyncExitStack() as stack:
        store = _job_store(resources, ledger)
        webhooks = Webhooks(
            store,
            secret=settings.webhook_secret.get_secret_value(),
            metrics=resources.process.metrics,
            allow=settings.webhook_allow,
            retry_s=settings.webhook_retry_s,
        )
        stack.push_async_callback(webhooks.close)
        engine = await stack.enter_async_context(running_engine(_options(settings), tasks))
        inputs = JobInputs(resources.database, resources.objects)
        jobs = Jobs(store, inputs=inputs, engine=engine, publisher=Publisher(engine, store))
        bulk = _bulk_jobs(resources, ledger, engine)
        stack.callback(bulk.close)
        await stack.enter_async_context(_reconciling(resources, jobs, bulk))
        yield JobParts(engine, jobs, bulk, Sources(settings.bulk_sources), webhooks)


@asynccontextmanager
async def working(resources: Resources, parts: JobParts, pipeline: Pipeline) -> AsyncIterator[None]:
    """Work on jobs, webhooks and shards until the end; pull no more once the process leaves."""
    settings, process, engine = resources.settings, resources.process, parts.engine
    job_worker = JobWorker(
        parts.jobs.store,
        inputs=parts.jobs.inputs,
        publisher=parts.jobs.publisher,
        work=pipeline.run_job,
        retry_s=settings.job_retry_s,
        metrics=process.metrics,
    )
    bulk_worker = BulkWorker(
        parts.bulk.store,
        files=parts.bulk.files,
        sources=parts.sources,
        publisher=parts.bulk.publisher,
        answer=pipeline.answer_bulk,
        retry_s=settings.job_retry_s,
        metrics=process.metrics,
    )
    drain_s = settings.drain_s
    running = PullLimits(settings.max_running_jobs, None, drain_s)
    shards = PullLimits(*_SHARDS, drain_s)
    pullers = (
        Puller(engine, WEBHOOKS, PullLimits(*DELIVERIES, drain_s), parts.webhooks.handle),
        Puller(engine, JOBS, running, job_worker.handle, parts.jobs.store.alive),
        Puller(engine, BULK, shards, bulk_worker.handle, parts.bulk.store.alive),
    )
    async with AsyncExitStack() as stack:
        for puller in pullers:
            await stack.enter_async_context(pulling(puller, process.tasks))
            process.leaving.callback(puller.stop)
        yield


@asynccontextmanager
async def _reconciling(resources: Resources, jobs: Jobs, bulk: BulkJobs) -> AsyncIterator[None]:
    tasks, metrics = resources.process.tasks, resources.process.metrics
    reconciler = Reconciler(
        Backlog(resources.database, clock=resources.clock),
        engine=jobs.engine,
        publisher=jobs.publisher,
        inputs=jobs.inputs,
        metrics=metrics,
    )
    upkeep = BulkUpkeep(resources.database, bulk, clock=resources.clock, metrics=metrics)
    often = {"jobs": reconciler.reconcile, "bulk jobs": upkeep.reconcile}
    seldom = {"inputs of jobs": reconciler.sweep, "files of bulk jobs": upkeep.sweep}
    async with (
        tasks.repeating(often, every_s=RECONCILE_EVERY_S),
        tasks.repeating(seldom, every_s=SWEEP_EVERY_S),
    ):
        yield


def _job_store(resources: Resources, ledger: Ledger) -> JobStore:
    settings = resources.settings
    return JobStore(
        resources.database,
        credit=ledger,
        lifetime=timedelta(hours=settings.job_hours),
        limits=JobLimits(settings.max_jobs, settings.max_jobs_per_account),
        clock=resources.clock,
        storage=resources.storage,
    )


def _bulk_jobs(resources: Resources, ledger: Ledger, engine: JobEngine) -> BulkJobs:
    settings = resources.settings
    store = BulkStore(
        resources.database,
        credit=ledger,
        lifetime=timedelta(hours=settings.job_hours),
        most=settings.max_jobs_per_account,
        clock=resources.clock,
        storage=resources.storage,
    )
    files, publisher = BulkFiles(resources.objects), BulkPublisher(engine, store)
    return BulkJobs(store, files=files, engine=engine, publisher=publisher, credit=ledger)


def _options(settings: GatewaySettings) -> EngineOptions:
    return EngineOptions(
        url="" if settings.zero_retention else settings.nats_url,
        prefix=settings.nats_prefix,
        replicas=settings.nats_replicas,
        ack_wait_s=settings.job_ack_wait_s,
    )
