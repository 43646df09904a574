"""Time: gateways whose hosts disagree agree on leases, and nobody waits long for a connection."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.clock import DatabaseClock, utc_now
from gateway.jobs.store import LOST_AFTER, JobStore

HOUR = timedelta(hours=1)
EXACTLY = timedelta(seconds=30)  # a busy machine may take its time between two statements


def slow() -> datetime:
    return utc_now() - HOUR


@pytest.fixture
async def clock(engine: AsyncEngine) -> DatabaseClock:
    """Return the clock of a gateway whose host is an hour behind."""
    made = DatabaseClock(engine, host=slow)
    await made.synchronize()
    return made


async def test_clock_of_a_host_that_is_behind_tells_the_time_of_the_database(
    clock: DatabaseClock,
) -> None:
    assert abs(clock() - utc_now()) < EXACTLY


async def test_heartbeat_of_a_host_that_is_behind_counts_elsewhere(
    engine: AsyncEngine, clock: DatabaseClock
) -> None:
    """By its own clock its job would have been silent for an hour."""
    assert HOUR > LOST_AFTER
    here = JobStore(engine, lifetime=HOUR * 24, clock=clock)
    there = JobStore(engine, lifetime=HOUR * 24)
    job = await here.add(account="ada", request_id="r", total=1, webhook=None)
    await here.beat([job.id])

    assert await there.sweep() == 0


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_wait_for_a_connection_of_the_pool_is_as_short_as_that_for_a_server(
    engine: AsyncEngine,
) -> None:
    assert engine.sync_engine.pool.timeout() == 5  # type: ignore[attr-defined]  # of QueuePool
