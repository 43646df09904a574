"""Chores: done now, again, and once more at the end, each whatever the others do."""

import asyncio

from structlog.testing import capture_logs

from gateway.database.engine import DatabaseUnavailable
from gateway.housekeeping import doing

NEVER_S = 3600.0
ENOUGH_S = 20  # far beyond what any of the waits below takes


async def test_chores_are_done_now_and_once_more_at_the_end() -> None:
    done = []
    begun = asyncio.Event()

    async def chore() -> None:
        done.append("chore")
        begun.set()

    async with asyncio.timeout(ENOUGH_S), doing({"chore": chore}, every_s=NEVER_S):
        await begun.wait()
        during = list(done)

    assert (during, done) == (["chore"], ["chore"] * 2)


async def test_chores_are_done_again() -> None:
    times = 0
    enough = asyncio.Event()

    async def chore() -> None:
        nonlocal times
        times += 1
        if times == 3:
            enough.set()

    async with asyncio.timeout(ENOUGH_S), doing({"chore": chore}, every_s=0.001):
        await enough.wait()


async def test_chore_that_fails_is_logged_and_keeps_nobody_from_theirs() -> None:
    second = asyncio.Event()

    async def failing() -> None:
        raise DatabaseUnavailable("no route")

    async def other() -> None:
        second.set()

    with capture_logs() as lines:
        async with (
            asyncio.timeout(ENOUGH_S),
            doing({"first": failing, "second": other}, every_s=NEVER_S),
        ):
            await second.wait()

    assert {(line["event"], line["chore"]) for line in lines} == {("chore failed", "first")}
