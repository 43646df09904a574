"""Upkeep: it runs now, again, and once more at the end; faults do not spread."""

import asyncio
from pathlib import Path

from sqlalchemy import insert
from structlog.testing import capture_logs

from gateway.database.engine import DatabaseUnavailable, open_database
from gateway.database.tables import RESULTS
from gateway.housekeeping import repeating
from tests.gateway.clocks import Hands
from tests.gateway.running import gateway_settings, running

NEVER_S = 3600.0
ENOUGH_S = 20  # far beyond what any of the waits below takes


async def test_upkeep_runs_now_and_once_more_at_the_end() -> None:
    done = []
    begun = asyncio.Event()

    async def run() -> None:
        done.append("one")
        begun.set()

    async with asyncio.timeout(ENOUGH_S), repeating({"one": run}, every_s=NEVER_S, at_the_end=True):
        await begun.wait()
        during = list(done)

    assert (during, done) == (["one"], ["one"] * 2)


async def test_upkeep_runs_again() -> None:
    times = 0
    enough = asyncio.Event()

    async def run() -> None:
        nonlocal times
        times += 1
        if times == 3:
            enough.set()

    async with asyncio.timeout(ENOUGH_S), repeating({"one": run}, every_s=0.001):
        await enough.wait()


async def test_fault_is_logged_and_does_not_keep_the_others_from_running() -> None:
    second = asyncio.Event()

    async def failing() -> None:
        raise DatabaseUnavailable("no route")

    async def other() -> None:
        second.set()

    with capture_logs() as lines:
        async with (
            asyncio.timeout(ENOUGH_S),
            repeating({"first": failing, "second": other}, every_s=NEVER_S),
        ):
            await second.wait()

    assert {(line["event"], line["upkeep"]) for line in lines} == {("upkeep failed", "first")}


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
            while not [line for line in lines if line["event"] == "upkeep failed"]:
                await gateway.send("GET", "/healthz")
            reply = await gateway.look("classify")

    assert reply.status == 200
