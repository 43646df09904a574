"""Periodic tasks run now, again and once more at the end, and no fault ends one of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import insert
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from gateway.database.engine import DatabaseUnavailable, open_database
from gateway.database.tables import RESULTS
from gateway.periodic import PeriodicTasks
from servicekit.telemetry import PeriodicMetrics
from tests.gateway.running import Hands, gateway_settings, running

NEVER_S = 3600.0
ENOUGH_S = 60  # far beyond what any of the waits below takes

FAULTS = [
    DatabaseUnavailable("no route"),
    ProgrammingError("SELECT", {}, Exception("no such table")),
    RuntimeError("a bug"),
    OSError("disk full"),
]


@pytest.fixture
def metrics() -> PeriodicMetrics:
    return PeriodicMetrics(CollectorRegistry())


@pytest.fixture
def tasks(metrics: PeriodicMetrics) -> PeriodicTasks:
    return PeriodicTasks(metrics, retry_s=0.001)


def counted(enough: asyncio.Event, *, of: int) -> tuple[list[int], Callable[[], Awaitable[None]]]:
    runs: list[int] = []

    async def task() -> None:
        runs.append(len(runs))
        if len(runs) == of:
            enough.set()

    return runs, task


async def test_task_runs_now_and_once_more_at_the_end(tasks: PeriodicTasks) -> None:
    enough = asyncio.Event()
    runs, task = counted(enough, of=1)

    async with (
        asyncio.timeout(ENOUGH_S),
        tasks.repeating({"task": task}, every_s=NEVER_S, at_the_end=True),
    ):
        await enough.wait()
        during = list(runs)

    assert (during, runs) == ([0], [0, 1])


async def test_task_runs_again(tasks: PeriodicTasks) -> None:
    enough = asyncio.Event()
    _, task = counted(enough, of=3)

    async with asyncio.timeout(ENOUGH_S), tasks.repeating({"task": task}, every_s=0.001):
        await enough.wait()


async def test_task_runs_when_it_is_woken_and_when_it_asks_to(tasks: PeriodicTasks) -> None:
    wake, began, enough = asyncio.Event(), asyncio.Event(), asyncio.Event()
    runs: list[int] = []

    async def task() -> float:
        runs.append(len(runs))
        began.set()
        if len(runs) == 3:
            enough.set()
        return 0.001 if len(runs) == 2 else NEVER_S

    async with asyncio.timeout(ENOUGH_S), tasks.repeating({"t": task}, every_s=NEVER_S, wake=wake):
        await began.wait()
        wake.set()
        await enough.wait()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_task_that_fails_is_logged_counted_and_runs_again(
    tasks: PeriodicTasks, metrics: PeriodicMetrics, fault: Exception
) -> None:
    failed, mended = asyncio.Event(), asyncio.Event()
    repaired = False

    async def task() -> None:
        if not repaired:
            failed.set()
            raise fault
        mended.set()

    with capture_logs() as lines:
        async with asyncio.timeout(ENOUGH_S), tasks.repeating({"sweep": task}, every_s=NEVER_S):
            await failed.wait()
            during = (tasks.failing, generate_latest(metrics.registry).decode())
            repaired = True
            await mended.wait()

    assert during[0] == ["sweep"]
    assert 'imagemesh_periodic_failures_total{task="sweep"}' in during[1]
    assert 'imagemesh_periodic_failing{task="sweep"} 1.0' in during[1]
    assert tasks.failing == []
    assert {(line["event"], line["task"]) for line in lines} == {("periodic task failed", "sweep")}
    assert b'imagemesh_periodic_failing{task="sweep"} 0.0' in generate_latest(metrics.registry)


async def test_task_that_fails_keeps_no_other_from_running(tasks: PeriodicTasks) -> None:
    enough = asyncio.Event()
    _, task = counted(enough, of=2)

    async def failing() -> None:
        raise RuntimeError

    async with (
        asyncio.timeout(ENOUGH_S),
        tasks.repeating({"first": failing, "second": task}, every_s=0.001),
    ):
        await enough.wait()


async def test_sweep_that_fails_is_logged_and_the_gateway_goes_on(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    """A folder stands where the file of an expired result should be."""
    clock = Hands()
    settings = gateway_settings(tmp_path, **addresses)
    row = {"name": "x", "account": "ada", "media_type": "image/png", "expires_at": clock.now}
    engine = await open_database(settings.database_url)
    async with engine.begin() as connection:
        await connection.execute(insert(RESULTS).values(row))
    await engine.dispose()
    (tmp_path / "results" / "x").mkdir(parents=True)

    with capture_logs() as lines:
        async with running(settings, clock=clock) as gateway, asyncio.timeout(ENOUGH_S):
            while not [line for line in lines if line["event"] == "periodic task failed"]:
                await gateway.send("GET", "/healthz")
            reply = await gateway.look("classify")
            ready = await gateway.send("GET", "/readyz")

    assert reply.status == 200
    assert (ready.status, ready.json["failing"]) == (200, ["results"])
