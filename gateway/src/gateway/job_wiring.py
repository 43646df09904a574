"""Wiring of jobs: opens the engine, the stores, the reconciler, and the worker of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from obstore.store import ObjectStore
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.credits import Credits
from gateway.accounts.storage import Storage
from gateway.database.clock import Clock
from gateway.jobs.backlog import Backlog
from gateway.jobs.engine import EngineOptions, JobEngine, running_engine
from gateway.jobs.inputs import JobInputs
from gateway.jobs.publishing import Publisher
from gateway.jobs.reconciler import RECONCILE_EVERY_S, SWEEP_EVERY_S, Reconciler
from gateway.jobs.records import JobLimits
from gateway.jobs.store import JobStore
from gateway.jobs.submission import Jobs
from gateway.jobs.webhooks import Webhooks, sending
from gateway.jobs.worker import JobWorker, Work, working
from gateway.leaving import Leaving
from gateway.periodic import PeriodicTasks
from gateway.settings import GatewaySettings
from servicekit.telemetry import JobMetrics


@dataclass(frozen=True, slots=True)
class JobParts:
    """Parts of the jobs of a process."""

    engine: JobEngine
    store: JobStore
    inputs: JobInputs
    publisher: Publisher
    jobs: Jobs
    webhooks: Webhooks
    metrics: JobMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNeeds:
    """Parts that jobs are made of.

    Attributes:
        database: of the gateway.
        objects: store of the inputs.
        credit: charges items.
        clock: gives the time now, UTC without a zone.
        storage: limits what is kept.
        tasks: run the periodic ones.
        metrics: of jobs.
    """

    database: AsyncEngine
    objects: ObjectStore
    credit: Credits
    clock: Clock
    storage: Storage
    tasks: PeriodicTasks
    metrics: JobMetrics


@asynccontextmanager
async def open_jobs(settings: GatewaySettings, needs: JobNeeds) -> AsyncIterator[JobParts]:
    """Open all that takes and keeps jobs, and reconcile them until the end."""
    store = JobStore(
        needs.database,
        credit=needs.credit,
        lifetime=timedelta(hours=settings.job_hours),
        limits=JobLimits(settings.max_jobs, settings.max_jobs_per_account),
        clock=needs.clock,
        storage=needs.storage,
    )
    inputs = JobInputs(needs.database, needs.objects)
    webhooks = Webhooks(
        store,
        secret=settings.webhook_secret.get_secret_value(),
        metrics=needs.metrics,
        allow=settings.webhook_allow,
        retry_s=settings.webhook_retry_s,
    )
    try:
        async with running_engine(_options(settings), needs.tasks) as engine:
            publisher = Publisher(engine, store)
            jobs = Jobs(store, inputs=inputs, engine=engine, publisher=publisher)
            parts = JobParts(engine, store, inputs, publisher, jobs, webhooks, needs.metrics)
            async with _reconciling(parts, needs):
                yield parts
    finally:
        await webhooks.close()


@asynccontextmanager
async def _reconciling(parts: JobParts, needs: JobNeeds) -> AsyncIterator[None]:
    reconciler = Reconciler(
        Backlog(needs.database, clock=needs.clock),
        engine=parts.engine,
        publisher=parts.publisher,
        inputs=parts.inputs,
        metrics=needs.metrics,
    )
    often, seldom = {"jobs": reconciler.reconcile}, {"inputs of jobs": reconciler.sweep}
    async with (
        needs.tasks.repeating(often, every_s=RECONCILE_EVERY_S),
        needs.tasks.repeating(seldom, every_s=SWEEP_EVERY_S),
    ):
        yield


@asynccontextmanager
async def running_worker(
    settings: GatewaySettings,
    parts: JobParts,
    *,
    work: Work,
    leaving: Leaving,
    tasks: PeriodicTasks,
) -> AsyncIterator[None]:
    """Work on jobs and send webhooks until the end; pull no more once the process is to leave."""
    worker = JobWorker(
        parts.store,
        inputs=parts.inputs,
        publisher=parts.publisher,
        work=work,
        retry_s=settings.job_retry_s,
        metrics=parts.metrics,
    )
    async with (
        sending(parts.webhooks, parts.engine, drain_s=settings.drain_s, tasks=tasks) as webhooks,
        working(
            worker,
            parts.engine,
            parts.store,
            at_once=settings.max_running_jobs,
            drain_s=settings.drain_s,
            tasks=tasks,
        ) as jobs,
    ):
        leaving.on_leave(jobs.stop)
        leaving.on_leave(webhooks.stop)
        yield


def _options(settings: GatewaySettings) -> EngineOptions:
    return EngineOptions(
        url="" if settings.zero_retention else settings.nats_url,
        prefix=settings.nats_prefix,
        replicas=settings.nats_replicas,
        ack_wait_s=settings.job_ack_wait_s,
    )
