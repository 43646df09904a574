"""Wiring of bulk jobs: opens their stores and upkeep, their routes, and the worker of shards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from starlette.routing import BaseRoute, Route

from contract.bulk import BULK_PATH
from gateway.bulk.files import BulkFiles
from gateway.bulk.handlers import BulkHandlers
from gateway.bulk.publishing import BulkPublisher
from gateway.bulk.store import BulkStore
from gateway.bulk.submission import BulkJobs
from gateway.bulk.upkeep import BulkUpkeep
from gateway.bulk.worker import AnswerItems, BulkWorker
from gateway.hosting.sources import Sources
from gateway.job_wiring import JobNeeds
from gateway.jobs.engine import BULK, JobEngine
from gateway.jobs.pulling import Puller, PullLimits, pulling
from gateway.jobs.reconciler import RECONCILE_EVERY_S, SWEEP_EVERY_S
from gateway.jobs.worker import cancelling
from gateway.leaving import Leaving
from gateway.responses import by_method
from gateway.settings import GatewaySettings

# Shards that a worker has in hand, of 8 MiB in memory each. One of an account: its items are
# answered side by side, and a worker that dies repeats no more than one.
_AT_ONCE = 8
_PER_ACCOUNT = 1


@dataclass(frozen=True, slots=True)
class BulkParts:
    """Parts of the bulk jobs of a process."""

    engine: JobEngine
    store: BulkStore
    files: BulkFiles
    publisher: BulkPublisher
    jobs: BulkJobs
    sources: Sources


@asynccontextmanager
async def open_bulk(
    settings: GatewaySettings, needs: JobNeeds, engine: JobEngine
) -> AsyncIterator[BulkParts]:
    """Open all that takes and keeps bulk jobs, with their upkeep until the end."""
    lifetime = timedelta(hours=settings.job_hours)
    store = BulkStore(
        needs.database,
        credit=needs.credit,
        lifetime=lifetime,
        most=settings.max_jobs_per_account,
        clock=needs.clock,
        storage=needs.storage,
    )
    files = BulkFiles(needs.objects)
    publisher = BulkPublisher(engine, store)
    jobs = BulkJobs(store, files=files, engine=engine, publisher=publisher, credit=needs.credit)
    upkeep = BulkUpkeep(
        needs.database,
        store=store,
        files=files,
        engine=engine,
        publisher=publisher,
        lifetime=lifetime,
        clock=needs.clock,
        metrics=needs.metrics,
    )
    often, seldom = {"bulk jobs": upkeep.reconcile}, {"files of bulk jobs": upkeep.sweep}
    try:
        async with (
            needs.tasks.repeating(often, every_s=RECONCILE_EVERY_S),
            needs.tasks.repeating(seldom, every_s=SWEEP_EVERY_S),
        ):
            sources = Sources(settings.bulk_sources)
            yield BulkParts(engine, store, files, publisher, jobs, sources)
    finally:
        jobs.close()


@asynccontextmanager
async def running_bulk_worker(
    settings: GatewaySettings,
    parts: BulkParts,
    needs: JobNeeds,
    *,
    answer: AnswerItems,
    leaving: Leaving,
) -> AsyncIterator[None]:
    """Work on shards until the end; pull no more once the process is to leave."""
    worker = BulkWorker(
        parts.store,
        files=parts.files,
        sources=parts.sources,
        publisher=parts.publisher,
        answer=answer,
        retry_s=settings.job_retry_s,
        metrics=needs.metrics,
    )
    limits = PullLimits(at_once=_AT_ONCE, per_token=_PER_ACCOUNT, drain_s=settings.drain_s)
    puller = Puller(parts.engine, BULK, limits, worker.handle)
    async with (
        cancelling(puller, parts.engine, parts.store.alive, needs.tasks),
        pulling(puller, needs.tasks, name=BULK),
    ):
        leaving.on_leave(puller.stop)
        yield


def bulk_routes(handlers: BulkHandlers) -> list[BaseRoute]:
    """Return the routes of bulk jobs."""
    one = BULK_PATH + "/{id}"
    return [
        Route(
            BULK_PATH,
            by_method({"GET": handlers.listing, "POST": handlers.submit}),
            methods=["GET", "POST"],
        ),
        Route(
            one,
            by_method({"GET": handlers.progress, "DELETE": handlers.cancel}),
            methods=["GET", "DELETE"],
        ),
        Route(one + "/events", handlers.events, methods=["GET"]),
        Route(one + "/output", handlers.output, methods=["GET"]),
    ]
