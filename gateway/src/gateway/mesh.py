"""What the gateway holds while it runs: keys, results, credits, the fetcher and the services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from obstore.exceptions import BaseError as ObstoreError
from sqlalchemy.exc import SQLAlchemyError

from gateway.backends import Backends, open_backends
from gateway.credits import Credits, Unmetered
from gateway.database import open_database
from gateway.fetching import FetchLimits, ImageFetcher
from gateway.hosted import HostedPictures
from gateway.keys import Clock, KeyStore, utc_now
from gateway.results import ResultStore
from gateway.settings import GatewaySettings
from servicekit.logs import get_logger

_SWEEP_EVERY_S = 3600.0  # an expired picture is refused at once; its bytes go within the hour

_log = get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Mesh:
    """What answers requests."""

    settings: GatewaySettings
    keys: KeyStore
    results: ResultStore
    hosted: HostedPictures
    credits: Credits
    fetcher: ImageFetcher
    backends: Backends


@asynccontextmanager
async def open_mesh(
    settings: GatewaySettings, *, credit: Credits | None = None, clock: Clock = utc_now
) -> AsyncIterator[Mesh]:
    """Open all that the gateway needs and close it again; the services need not be up."""
    async with AsyncExitStack() as stack:
        engine = await open_database(settings.database_url)
        stack.push_async_callback(engine.dispose)
        results = ResultStore(
            engine,
            settings.results_dir,
            lifetime=timedelta(days=settings.result_days),
            clock=clock,
        )
        limits = FetchLimits(total_s=settings.fetch_timeout_s)
        fetcher = ImageFetcher(limits, allow=settings.fetch_allow)
        stack.push_async_callback(fetcher.close)
        backends = await stack.enter_async_context(open_backends(settings))
        await stack.enter_async_context(_sweeping(results))
        keys = KeyStore(engine, clock=clock)
        hosted = HostedPictures(results)
        yield Mesh(settings, keys, results, hosted, credit or Unmetered(), fetcher, backends)


@asynccontextmanager
async def _sweeping(results: ResultStore) -> AsyncIterator[None]:
    task = asyncio.create_task(_sweep_for_ever(results))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep_for_ever(results: ResultStore) -> None:
    while True:
        try:
            count = await results.sweep()
        except (SQLAlchemyError, OSError, ObstoreError):
            _log.exception("sweep failed")
        else:
            _log.info("swept", expired=count)
        await asyncio.sleep(_SWEEP_EVERY_S)
