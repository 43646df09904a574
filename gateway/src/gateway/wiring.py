"""Wiring: opens the stores, the fetcher, the services and the jobs, and routes requests to them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from obstore.store import ObjectStore
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import BaseRoute, Route

from contract.jobs import BATCH_PATH, JOBS_PATH
from contract.lookups import (
    CAPABILITIES_PATH,
    LANGUAGES_PATH,
    OWN_RESULTS_PATH,
    USAGE_PATH,
    WEBHOOKS_PATH,
)
from gateway.accounts.accounts import AccountStore
from gateway.accounts.credits import Credits
from gateway.accounts.idempotency import IdempotentAnswers
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.rates import RateLimits, parse_rates
from gateway.accounts.storage import Storage, StorageLimits, kept_folders
from gateway.accounts.usage import UsageBook
from gateway.admin.service import serving_admin
from gateway.authz.decisions import Authorizer
from gateway.authz.port import serving_authz
from gateway.backends import Backends, open_backends
from gateway.bulk.handlers import BulkHandlers
from gateway.bulk_wiring import BulkParts, bulk_routes, open_bulk, running_bulk_worker
from gateway.database.clock import Clock, DatabaseClock
from gateway.database.engine import open_database
from gateway.endpoint_table import HANDLERS
from gateway.fetching.fetcher import FetchLimits, ImageFetcher
from gateway.hosting.hosted import DOCUMENTS_PATH, EXAMPLES_PATH, RESULTS_PATH, HostedImages
from gateway.hosting.results import ResultStore, open_store
from gateway.input.bodies import BodyReader, UploadMemory
from gateway.job_wiring import JobNeeds, JobParts, open_jobs, running_worker
from gateway.leaving import Leaving
from gateway.periodic import PeriodicTasks
from gateway.requests.content import Content, Health
from gateway.requests.item_work import ItemWork
from gateway.requests.lookups import Lookups
from gateway.requests.orders import OrderReader
from gateway.requests.pipeline import Pipeline
from gateway.responses import by_method
from gateway.settings import GatewaySettings
from servicekit.telemetry import DatabaseMetrics, FetchMetrics, JobMetrics, StorageMetrics
from servicekit.tracing.opening import Serving, Traces

_SWEEP_EVERY_S: Final = 3600.0  # an expired file is refused at once; its bytes go within the hour
_UPKEEP_EVERY_S: Final = 60.0  # expired holds come back, and counts are written, within a minute
_SPARE_S: Final = 60.0  # a hold outlives the longest request by this time


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Stores of accounts."""

    keys: KeyStore
    rates: RateLimits
    idempotent: IdempotentAnswers
    usage: UsageBook
    ledger: Ledger
    accounts: AccountStore


@dataclass(frozen=True, slots=True)
class _Upkeep:
    """Clock, periodic tasks and storage limits of every store."""

    clock: Clock
    tasks: PeriodicTasks
    storage: Storage


@dataclass(frozen=True, slots=True)
class _Files:
    """Stores of files, and the way to those of others."""

    store: ObjectStore
    results: ResultStore
    hosted: HostedImages
    fetcher: ImageFetcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Process that the gateway runs in.

    Attributes:
        traces: of its requests.
        tasks: its periodic tasks.
        metrics: of its jobs.
        leaving: tells when it is to end.
        is_worker: it works on jobs and takes no requests.
    """

    traces: Traces
    tasks: PeriodicTasks
    metrics: JobMetrics
    leaving: Leaving
    is_worker: bool = False


@asynccontextmanager
async def open_routes(
    settings: GatewaySettings, process: Process, *, credit: Credits | None, clock: Clock | None
) -> AsyncIterator[list[BaseRoute]]:
    """Open all that the gateway needs, yield the routes that use it, and close it again.

    Neither the services nor NATS need be up.
    """
    async with AsyncExitStack() as stack:
        registry = process.metrics.registry
        engine = await open_database(settings.database_url, metrics=DatabaseMetrics(registry))
        stack.push_async_callback(engine.dispose)
        if clock is None:
            clock = DatabaseClock(engine)
            await clock.synchronize()
            sync = {"clock": clock.synchronize}
            await stack.enter_async_context(process.tasks.repeating(sync, every_s=_UPKEEP_EVERY_S))
        kept = _Upkeep(clock, process.tasks, _storage(settings, StorageMetrics(registry)))
        opening_files = _files(engine, settings, kept, FetchMetrics(registry))
        files = await stack.enter_async_context(opening_files)
        opening = open_backends(settings, interceptors=process.traces.channel)
        backends = await stack.enter_async_context(opening)
        books = await stack.enter_async_context(_accounts(engine, settings, kept))
        credit = credit or books.ledger
        needs = _job_needs(engine, files, credit, kept, process.metrics)
        jobs = await stack.enter_async_context(open_jobs(settings, needs))
        bulk = await stack.enter_async_context(open_bulk(settings, needs, jobs.engine))
        orders = _orders(settings, jobs)
        pipeline = _pipeline(
            settings, files, backends, books, jobs, credit, orders, serving=process.traces.serving
        )
        routes = _health_routes(files, backends, books, jobs, kept)
        if not process.is_worker:
            await _serve_operators(stack, settings, books)
            routes += [
                *_post_routes(pipeline),
                *_lookup_routes(_lookups(settings, files, backends, books, jobs)),
                *bulk_routes(_bulk_handlers(settings, process, books, orders, bulk, clock)),
                *_content_routes(Content(files.results, files.hosted)),
            ]
        if (settings.job_worker or process.is_worker) and jobs.engine.is_on:
            # Opened last, so that it is closed before all that jobs use.
            worker = running_worker(
                settings,
                jobs,
                work=pipeline.run_job,
                leaving=process.leaving,
                tasks=process.tasks,
            )
            await stack.enter_async_context(worker)
            shards = running_bulk_worker(
                settings, bulk, needs, answer=pipeline.answer_bulk, leaving=process.leaving
            )
            await stack.enter_async_context(shards)
        yield routes


def _job_needs(
    engine: AsyncEngine, files: _Files, credit: Credits, kept: _Upkeep, metrics: JobMetrics
) -> JobNeeds:
    return JobNeeds(
        database=engine,
        objects=files.store,
        credit=credit,
        clock=kept.clock,
        storage=kept.storage,
        tasks=kept.tasks,
        metrics=metrics,
    )


async def _serve_operators(
    stack: AsyncExitStack, settings: GatewaySettings, books: _Accounts
) -> None:
    """Serve the admin port, and the one that Envoy asks, until the stack is closed."""
    admin = serving_admin(settings, keys=books.keys, accounts=books.accounts, usage=books.usage)
    await stack.enter_async_context(admin)
    authorizer = Authorizer(settings, keys=books.keys, rates=books.rates, accounts=books.accounts)
    await stack.enter_async_context(serving_authz(settings, authorizer))


def _pipeline(  # noqa: PLR0917 - each has a type of its own
    settings: GatewaySettings,
    files: _Files,
    backends: Backends,
    books: _Accounts,
    jobs: JobParts,
    credit: Credits,
    orders: OrderReader,
    *,
    serving: Serving | None,
) -> Pipeline:
    return Pipeline(
        settings,
        keys=books.keys,
        rates=books.rates,
        orders=orders,
        idempotent=books.idempotent,
        jobs=jobs.jobs,
        credit=credit,
        items=ItemWork(
            settings,
            fetcher=files.fetcher,
            hosted=files.hosted,
            backends=backends,
            results=files.results,
        ),
        serving=serving,
    )


def _orders(settings: GatewaySettings, jobs: JobParts) -> OrderReader:
    return OrderReader(
        jobs.webhooks,
        zero_retention=settings.zero_retention,
        public_url=settings.public_url,
        allowed_hosts=settings.allowed_hosts,
    )


def _bulk_handlers(  # noqa: PLR0917 - each has a type of its own
    settings: GatewaySettings,
    process: Process,
    books: _Accounts,
    orders: OrderReader,
    bulk: BulkParts,
    clock: Clock,
) -> BulkHandlers:
    memory = UploadMemory(settings.upload_memory_mib * 2**20)
    return BulkHandlers(
        settings,
        keys=books.keys,
        rates=books.rates,
        orders=orders,
        bodies=BodyReader(memory, timeout_s=settings.body_timeout_s),
        jobs=bulk.jobs,
        sources=bulk.sources,
        clock=clock,
        leaving=process.leaving,
    )


def _lookups(
    settings: GatewaySettings, files: _Files, backends: Backends, books: _Accounts, jobs: JobParts
) -> Lookups:
    return Lookups(
        settings,
        keys=books.keys,
        rates=books.rates,
        usage=books.usage,
        backends=backends,
        jobs=jobs.jobs,
        results=files.results,
        webhooks=jobs.webhooks,
    )


def _storage(settings: GatewaySettings, metrics: StorageMetrics) -> Storage:
    folders = kept_folders(
        database_url=settings.database_url,
        results=None if settings.results_url else settings.results_dir,
    )
    return Storage(
        StorageLimits(
            account_bytes=settings.account_storage_mib * 2**20,
            free_bytes=settings.min_free_mib * 2**20,
            folders=folders,
        ),
        metrics=metrics,
    )


def _post_routes(pipeline: Pipeline) -> list[BaseRoute]:
    return [
        *(
            Route(handler.endpoint.path, partial(pipeline.post, handler), methods=["POST"])
            for handler in HANDLERS.values()
        ),
        Route(BATCH_PATH, pipeline.batch, methods=["POST"]),
    ]


def _lookup_routes(lookups: Lookups) -> list[BaseRoute]:
    return [
        Route(CAPABILITIES_PATH, lookups.capabilities, methods=["GET"]),
        Route(LANGUAGES_PATH, lookups.languages, methods=["GET"]),
        Route(USAGE_PATH, lookups.usage, methods=["GET"]),
        Route(JOBS_PATH, lookups.list_jobs, methods=["GET"]),
        Route(
            JOBS_PATH + "/{id}",
            by_method({"GET": lookups.job, "DELETE": lookups.cancel_job}),
            methods=["GET", "DELETE"],
        ),
        Route(OWN_RESULTS_PATH + "/{name}", lookups.delete_result, methods=["DELETE"]),
        Route(WEBHOOKS_PATH, lookups.webhook_secret, methods=["GET"]),
    ]


def _content_routes(content: Content) -> list[BaseRoute]:
    return [
        Route(RESULTS_PATH + "/{name}", content.result, methods=["GET"]),
        Route(DOCUMENTS_PATH + "/{name}", content.result, methods=["GET"]),
        Route(EXAMPLES_PATH + "/{name}", content.example, methods=["GET"]),
    ]


def _health_routes(
    files: _Files, backends: Backends, books: _Accounts, jobs: JobParts, kept: _Upkeep
) -> list[BaseRoute]:
    health = Health(
        backends,
        books.keys,
        kept.tasks,
        kept.storage,
        jobs.engine,
        results=files.results,
        rates=books.rates,
    )
    return [
        Route("/healthz", health.live, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
    ]


@asynccontextmanager
async def _files(
    engine: AsyncEngine, settings: GatewaySettings, kept: _Upkeep, metrics: FetchMetrics
) -> AsyncIterator[_Files]:
    store = open_store(settings.results_url, folder=settings.results_dir)
    lifetime = timedelta(days=settings.result_days)
    results = ResultStore(engine, store, lifetime=lifetime, clock=kept.clock, storage=kept.storage)
    fetcher = ImageFetcher(
        FetchLimits(total_s=settings.fetch_timeout_s),
        allow=settings.fetch_allow,
        metrics=metrics,
    )

    try:
        async with kept.tasks.repeating({"results": results.sweep}, every_s=_SWEEP_EVERY_S):
            yield _Files(store, results, HostedImages(results), fetcher)
    finally:
        await fetcher.close()


@asynccontextmanager
async def _accounts(
    engine: AsyncEngine, settings: GatewaySettings, kept: _Upkeep
) -> AsyncIterator[_Accounts]:
    """Open the stores of accounts, and keep them in order until the end."""
    longest = timedelta(seconds=settings.request_timeout_s + _SPARE_S)
    usage = UsageBook(engine, clock=kept.clock)
    keys = KeyStore(engine, clock=kept.clock, cache_for=timedelta(seconds=settings.key_cache_s))
    idempotent = IdempotentAnswers(
        engine, claim_for=longest, clock=kept.clock, storage=kept.storage
    )
    ledger = Ledger(engine, usage, prices=settings.prices, hold_for=longest, clock=kept.clock)
    rates = RateLimits(
        per_key=parse_rates(settings.rate_limit),
        per_account=parse_rates(settings.account_rate_limit),
        url=settings.rate_url,
    )
    upkeep = {
        "holds": ledger.sweep,
        "usage": usage.flush,
        "uses of keys": keys.write_uses,
        "idempotent answers": idempotent.sweep,
    }
    try:
        async with kept.tasks.repeating(upkeep, every_s=_UPKEEP_EVERY_S, at_the_end=True):
            accounts = AccountStore(engine, clock=kept.clock)
            yield _Accounts(keys, rates, idempotent, usage, ledger, accounts)
    finally:
        await rates.close()
