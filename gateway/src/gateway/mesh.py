"""What the gateway holds while it runs: keys, results, credits, the fetcher and the services."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.credits import Credits
from gateway.accounts.idempotency import IdempotentAnswers
from gateway.accounts.keys import KeyStore
from gateway.accounts.ledger import Ledger
from gateway.accounts.rates import RateLimits, parse_rates
from gateway.accounts.storage import Storage, StorageLimits, kept_folders
from gateway.accounts.usage import UsageBook
from gateway.backends import Backends, open_backends
from gateway.database.clock import Clock, DatabaseClock
from gateway.database.engine import open_database
from gateway.fetching.fetcher import FetchLimits, ImageFetcher
from gateway.hosting.hosted import HostedPictures
from gateway.hosting.results import ResultStore, open_store
from gateway.jobs.runner import JobLimits, JobRunner, running_jobs
from gateway.jobs.store import JobStore
from gateway.jobs.webhooks import Webhooks, sending
from gateway.periodic import PeriodicTasks
from gateway.settings import GatewaySettings
from servicekit.tracing.opening import Traces

_SWEEP_EVERY_S = 3600.0  # an expired picture is refused at once; its bytes go within the hour

_CHORES_EVERY_S = 60.0  # expired holds come back, and counts are written, within a minute
_SPARE_S = 60.0  # a hold outlives the longest request by this time


@dataclass(frozen=True, slots=True)
class Mesh:
    """What answers requests."""

    settings: GatewaySettings
    accounts: AccountStore
    keys: KeyStore
    rates: RateLimits
    idempotent: IdempotentAnswers
    results: ResultStore
    hosted: HostedPictures
    credits: Credits
    usage: UsageBook
    fetcher: ImageFetcher
    backends: Backends
    jobs: JobRunner
    webhooks: Webhooks
    tasks: PeriodicTasks
    storage: Storage


@asynccontextmanager
async def open_mesh(
    settings: GatewaySettings,
    *,
    credit: Credits | None = None,
    clock: Clock | None = None,
    traces: Traces,
    tasks: PeriodicTasks,
) -> AsyncIterator[Mesh]:
    """Open all that the gateway needs and close it again; the services need not be up."""
    async with AsyncExitStack() as stack:
        engine = await open_database(settings.database_url)
        stack.push_async_callback(engine.dispose)
        if clock is None:
            clock = DatabaseClock(engine)
            await clock.synchronize()
            sync = {"clock": clock.synchronize}
            await stack.enter_async_context(tasks.repeating(sync, every_s=_CHORES_EVERY_S))
        storage = _storage(settings)
        results = ResultStore(
            engine,
            open_store(settings.results_url, folder=settings.results_dir),
            lifetime=timedelta(days=settings.result_days),
            clock=clock,
            storage=storage,
        )
        limits = FetchLimits(total_s=settings.fetch_timeout_s)
        fetcher = ImageFetcher(limits, allow=settings.fetch_allow)
        stack.push_async_callback(fetcher.close)
        opening = open_backends(settings, interceptors=traces.channel)
        backends = await stack.enter_async_context(opening)
        sweep = {"results": results.sweep}
        await stack.enter_async_context(tasks.repeating(sweep, every_s=_SWEEP_EVERY_S))
        books = await stack.enter_async_context(_books(engine, settings, clock, tasks, storage))
        rates = RateLimits(
            per_key=parse_rates(settings.rate_limit),
            per_account=parse_rates(settings.account_rate_limit),
            url=settings.rate_url,
        )
        stack.push_async_callback(rates.close)
        # Opened last: jobs are stopped while all that they use is there.
        webhooks, jobs = await stack.enter_async_context(
            _jobs(engine, settings, clock, tasks, storage)
        )
        yield Mesh(
            settings=settings,
            accounts=AccountStore(engine, clock=clock),
            keys=books.keys,
            rates=rates,
            idempotent=books.idempotent,
            results=results,
            hosted=HostedPictures(results),
            credits=credit or books.ledger,
            usage=books.usage,
            fetcher=fetcher,
            backends=backends,
            jobs=jobs,
            webhooks=webhooks,
            tasks=tasks,
            storage=storage,
        )


def _storage(settings: GatewaySettings) -> Storage:
    folders = kept_folders(
        database_url=settings.database_url,
        results=None if settings.results_url else settings.results_dir,
    )
    return Storage(
        StorageLimits(
            account_bytes=settings.account_storage_mib * 2**20,
            free_bytes=settings.min_free_mib * 2**20,
            folders=folders,
        )
    )


@dataclass(frozen=True, slots=True)
class _Books:
    keys: KeyStore
    idempotent: IdempotentAnswers
    usage: UsageBook
    ledger: Ledger


@asynccontextmanager
async def _books(
    engine: AsyncEngine,
    settings: GatewaySettings,
    clock: Clock,
    tasks: PeriodicTasks,
    storage: Storage,
) -> AsyncIterator[_Books]:
    """Open what is kept of accounts, and keep it in order until the end."""
    longest = timedelta(seconds=settings.request_timeout_s + _SPARE_S)
    usage = UsageBook(engine, clock=clock)
    keys = KeyStore(engine, clock=clock, cache_for=timedelta(seconds=settings.key_cache_s))
    idempotent = IdempotentAnswers(engine, claim_for=longest, clock=clock, storage=storage)
    ledger = Ledger(engine, usage, prices=settings.prices, hold_for=longest, clock=clock)
    chores = {
        "holds": ledger.sweep,
        "usage": usage.flush,
        "uses of keys": keys.write_uses,
        "idempotent answers": idempotent.sweep,
    }
    async with tasks.repeating(chores, every_s=_CHORES_EVERY_S, at_the_end=True):
        yield _Books(keys, idempotent, usage, ledger)


@asynccontextmanager
async def _jobs(
    engine: AsyncEngine,
    settings: GatewaySettings,
    clock: Clock,
    tasks: PeriodicTasks,
    storage: Storage,
) -> AsyncIterator[tuple[Webhooks, JobRunner]]:
    store = JobStore(
        engine, lifetime=timedelta(hours=settings.job_hours), clock=clock, storage=storage
    )
    limits = JobLimits(
        running=settings.max_running_jobs,
        waiting=settings.max_jobs,
        waiting_per_account=settings.max_jobs_per_account,
        held_bytes=settings.upload_memory_mib * 2**20,
    )
    webhooks = Webhooks(
        store,
        secret=settings.webhook_secret.get_secret_value(),
        allow=settings.webhook_allow,
        retry_s=settings.webhook_retry_s,
    )
    async with sending(webhooks, tasks), running_jobs(store, webhooks, limits, tasks) as jobs:
        yield webhooks, jobs
