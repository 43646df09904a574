"""Wiring: opens the stores, the fetcher, the services and the jobs, and routes requests to them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

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
from gateway.accounts.idempotency import IdempotentAnswers
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.rates import RateLimits, parse_rates
from gateway.accounts.storage import Storage, StorageLimits, kept_folders
from gateway.accounts.usage import UsageBook
from gateway.admin.service import serving_admin
from gateway.authz import Authorizer, serving_authz
from gateway.backends import Backends, open_backends
from gateway.bulk.handlers import BulkHandlers, bulk_routes
from gateway.database.clock import Clock, DatabaseClock
from gateway.database.engine import open_database
from gateway.endpoint_table import HANDLERS
from gateway.fetching.fetcher import FetchLimits, ImageFetcher
from gateway.hosting.hosted import DOCUMENTS_PATH, EXAMPLES_PATH, RESULTS_PATH, HostedImages
from gateway.hosting.results import ResultStore, open_store
from gateway.input.bodies import BodyReader, UploadMemory
from gateway.job_wiring import JobParts, open_jobs, working
from gateway.requests.admission import Admission
from gateway.requests.content import Content, Health
from gateway.requests.item_work import ItemWork
from gateway.requests.lookups import Lookups
from gateway.requests.orders import OrderReader
from gateway.requests.pipeline import Pipeline
from gateway.resources import Process, Resources
from gateway.responses import by_method
from gateway.settings import GatewaySettings
from servicekit.telemetry import DatabaseMetrics, FetchMetrics, StorageMetrics

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
class _Parts:
    """Parts that the handlers of requests use."""

    accounts: _Accounts
    admission: Admission
    orders: OrderReader
    bodies: BodyReader
    results: ResultStore
    hosted: HostedImages
    backends: Backends
    jobs: JobParts


@asynccontextmanager
async def open_routes(
    settings: GatewaySettings, process: Process, *, clock: Clock | None
) -> AsyncIterator[list[BaseRoute]]:
    """Open all that the gateway needs, yield the routes that use it, and close it again.

    Neither the services nor NATS need be up.
    """
    async with AsyncExitStack() as stack:
        resources = await _resources(stack, settings, process, clock)
        results = ResultStore(
            resources.database,
            resources.objects,
            lifetime=timedelta(days=settings.result_days),
            clock=resources.clock,
            storage=resources.storage,
        )
        sweep = process.tasks.repeating({"results": results.sweep}, every_s=_SWEEP_EVERY_S)
        await stack.enter_async_context(sweep)
        backends = await stack.enter_async_context(
            open_backends(settings, interceptors=process.traces.channel)
        )
        accounts = await stack.enter_async_context(_accounts(resources))
        jobs = await stack.enter_async_context(open_jobs(resources, accounts.ledger))
        memory = UploadMemory(settings.upload_memory_mib * 2**20)
        parts = _Parts(
            accounts,
            Admission(accounts.keys, accounts.rates, settings.endpoints_off),
            OrderReader(settings, jobs.webhooks),
            BodyReader(memory, timeout_s=settings.body_timeout_s),
            results,
            HostedImages(results),
            backends,
            jobs,
        )
        pipeline = await _pipeline(stack, resources, parts)
        routes = _health_routes(resources, parts)
        if not process.is_worker:
            await _serve_operators(stack, settings, accounts)
            routes += _routes(resources, parts, pipeline)
        if (settings.job_worker or process.is_worker) and jobs.engine.is_on:
            # Opened last, so that it is closed before all that jobs use.
            await stack.enter_async_context(working(resources, jobs, pipeline))
        yield routes


async def _resources(
    stack: AsyncExitStack, settings: GatewaySettings, process: Process, clock: Clock | None
) -> Resources:
    """Open what all stores are made of, until the stack is closed."""
    registry = process.metrics.registry
    database = await open_database(settings.database_url, metrics=DatabaseMetrics(registry))
    stack.push_async_callback(database.dispose)
    if clock is None:
        clock = DatabaseClock(database)
        await clock.synchronize()
        sync = process.tasks.repeating({"clock": clock.synchronize}, every_s=_UPKEEP_EVERY_S)
        await stack.enter_async_context(sync)
    folders = kept_folders(
        database_url=settings.database_url,
        results=None if settings.results_url else settings.results_dir,
    )
    limits = StorageLimits(
        account_bytes=settings.account_storage_mib * 2**20,
        free_bytes=settings.min_free_mib * 2**20,
        folders=folders,
    )
    objects = open_store(settings.results_url, folder=settings.results_dir)
    storage = Storage(limits, metrics=StorageMetrics(registry))
    return Resources(settings, process, database, objects, clock, storage)


async def _pipeline(stack: AsyncExitStack, resources: Resources, parts: _Parts) -> Pipeline:
    settings, process = resources.settings, resources.process
    fetcher = ImageFetcher(
        FetchLimits(total_s=settings.fetch_timeout_s),
        allow=settings.fetch_allow,
        metrics=FetchMetrics(process.metrics.registry),
    )
    stack.push_async_callback(fetcher.close)
    items = ItemWork(
        settings,
        fetcher=fetcher,
        hosted=parts.hosted,
        backends=parts.backends,
        results=parts.results,
    )
    return Pipeline(
        settings,
        admission=parts.admission,
        orders=parts.orders,
        bodies=parts.bodies,
        idempotent=parts.accounts.idempotent,
        jobs=parts.jobs.jobs,
        credit=parts.accounts.ledger,
        items=items,
        serving=process.traces.serving,
    )


async def _serve_operators(
    stack: AsyncExitStack, settings: GatewaySettings, books: _Accounts
) -> None:
    """Serve the admin port, and the one that Envoy asks, until the stack is closed."""
    admin = serving_admin(settings, keys=books.keys, accounts=books.accounts, usage=books.usage)
    await stack.enter_async_context(admin)
    authorizer = Authorizer(settings, keys=books.keys, rates=books.rates, accounts=books.accounts)
    await stack.enter_async_context(serving_authz(settings, authorizer))


def _routes(resources: Resources, parts: _Parts, pipeline: Pipeline) -> list[BaseRoute]:
    lookups = Lookups(
        resources.settings,
        admission=parts.admission,
        usage=parts.accounts.usage,
        backends=parts.backends,
        jobs=parts.jobs.jobs,
        results=parts.results,
        webhooks=parts.jobs.webhooks,
    )
    bulk = BulkHandlers(
        resources.settings,
        admission=parts.admission,
        orders=parts.orders,
        bodies=parts.bodies,
        jobs=parts.jobs.bulk,
        sources=parts.jobs.sources,
        clock=resources.clock,
        leaving=resources.process.leaving,
    )
    return [
        *_post_routes(pipeline),
        *_lookup_routes(lookups),
        *bulk_routes(bulk),
        *_content_routes(Content(parts.results, parts.hosted)),
    ]


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


def _health_routes(resources: Resources, parts: _Parts) -> list[BaseRoute]:
    health = Health(
        parts.backends,
        parts.accounts.keys,
        resources.process.tasks,
        resources.storage,
        parts.jobs.engine,
        results=parts.results,
        rates=parts.accounts.rates,
    )
    return [
        Route("/healthz", health.live, methods=["GET"]),
        Route("/readyz", health.ready, methods=["GET"]),
    ]


@asynccontextmanager
async def _accounts(resources: Resources) -> AsyncIterator[_Accounts]:
    """Open the stores of accounts, and keep them in order until the end."""
    settings, engine, clock = resources.settings, resources.database, resources.clock
    longest = timedelta(seconds=settings.request_timeout_s + _SPARE_S)
    usage = UsageBook(engine, clock=clock)
    keys = KeyStore(engine, clock=clock, cache_for=timedelta(seconds=settings.key_cache_s))
    idempotent = IdempotentAnswers(
        engine, claim_for=longest, clock=clock, storage=resources.storage
    )
    ledger = Ledger(engine, usage, prices=settings.prices, hold_for=longest, clock=clock)
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
        tasks = resources.process.tasks
        async with tasks.repeating(upkeep, every_s=_UPKEEP_EVERY_S, at_the_end=True):
            accounts = AccountStore(engine, clock=clock)
            yield _Accounts(keys, rates, idempotent, usage, ledger, accounts)
    finally:
        await rates.close()
