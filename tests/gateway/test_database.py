"""The database file: opened by several processes at once, and tuned for that."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.clock import DatabaseClock, utc_now
from gateway.database.engine import check_writable, open_database, transaction
from gateway.jobs.backlog import Backlog, Leftovers
from gateway.jobs.engine import JOBS
from servicekit.turns import CALLER
from tests.gateway.job_stores import add_job, job_store
from tests.gateway.running import database_url
from tests.gateway.servers import Server, empty_database


@pytest.mark.parametrize("_round", range(10))
async def test_tables_are_made_once_however_many_open_the_file_at_once(
    tmp_path: Path, _round: int
) -> None:
    """The gateway and `imagemesh keys` often start together on a fresh machine.

    Many rounds, because the race for the switch to WAL is lost only now and then.
    """
    await open_eight_at_once(database_url(tmp_path))


async def test_tables_are_made_once_however_many_open_the_server_at_once(
    postgres_server: Server,
) -> None:
    await open_eight_at_once(empty_database(postgres_server))


async def open_eight_at_once(url: str) -> None:
    opened = [open_database(url) for _ in range(8)]

    engines = await asyncio.gather(*opened, return_exceptions=True)

    assert [engine for engine in engines if not isinstance(engine, AsyncEngine)] == []
    for engine in engines:
        if isinstance(engine, AsyncEngine):
            await engine.dispose()


async def test_readers_and_a_writer_do_not_block_each_other(tmp_path: Path) -> None:
    engine = await open_database(database_url(tmp_path))

    async with engine.connect() as connection:
        mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        wait_ms = (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one()
    await engine.dispose()

    assert (mode, wait_ms) == ("wal", 5000)


async def test_transactions_that_are_cancelled_leave_no_lock(engine: AsyncEngine) -> None:
    """A caller who hangs up cancels them at any point; the next writer need not wait."""
    statement = text("UPDATE alembic_version SET version_num = version_num RETURNING version_num")

    async def write_twice() -> None:
        async with transaction(engine) as connection:
            await connection.execute(statement)
            await connection.execute(statement)

    for steps in range(100):
        writing = asyncio.create_task(write_twice())
        for _ in range(steps):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

        async with asyncio.timeout(2):  # less than the wait for a lock
            await check_writable(engine)


async def test_accounts_take_turns_at_the_connections(engine: AsyncEngine) -> None:
    """Transactions of one account that wait do not hold up that of another."""
    order: list[str] = []

    async def use(account: str) -> None:
        CALLER.set(account)
        async with transaction(engine) as connection:
            order.append(account)
            await connection.execute(text("SELECT 1"))

    async with asyncio.TaskGroup() as group:
        for account in ["greedy"] * 30 + ["modest"]:
            group.create_task(use(account))

    assert order.index("modest") <= 6  # after those that had the connections, at most five


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
    assert await backlog.leftovers() == Leftovers([], [])
    assert await there.start(job.id) is not None


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_wait_for_a_connection_of_the_pool_is_as_short_as_that_for_a_server(
    engine: AsyncEngine,
) -> None:
    assert engine.sync_engine.pool.timeout() == 5  # type: ignore[attr-defined]  # of QueuePool
