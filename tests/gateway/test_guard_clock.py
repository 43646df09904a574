"""Time: gateways whose hosts disagree agree on it, and nobody waits long for a connection."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.clock import DatabaseClock, utc_now
from gateway.jobs.backlog import Backlog, Leftovers
from gateway.jobs.engine import JOBS
from tests.gateway.job_stores import add_job, job_store

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


async def test_job_of_a_host_that_is_behind_is_neither_lost_nor_expired_elsewhere(
    engine: AsyncEngine, clock: DatabaseClock
) -> None:
    """By its own clock it would be an hour old, and published again at once."""
    here, there = job_store(engine, clock=clock), job_store(engine)
    job = await add_job(here)
    backlog = Backlog(engine)

    assert await backlog.unpublished(JOBS) == []
    assert await backlog.leftovers() == Leftovers([], [], [])
    assert await there.start(job.id) is not None


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_wait_for_a_connection_of_the_pool_is_as_short_as_that_for_a_server(
    engine: AsyncEngine,
) -> None:
    assert engine.sync_engine.pool.timeout() == 5  # type: ignore[attr-defined]  # of QueuePool
