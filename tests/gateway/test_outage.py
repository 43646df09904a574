"""Outages as docs/operations.md has them: clear answers, recovery by itself, no wrong charge."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from tests.gateway.origin import IMAGE
from tests.gateway.outages import OUTAGES, Outage, postgresql_away, redis_away
from tests.gateway.running import Books, Gateway, Reply, Start, alone, books, give
from tests.gateway.stage import WAIT
from tests.gateway.uploads import base64, defer, ended

ENOUGH_S = 60  # far beyond what any of the waits below takes
HELLO = {"text": "canary-1"}
KEY = {"Idempotency_Key": "canary-2"}


async def test_stop_of_the_database_is_503_until_it_is_back_and_charges_nobody_wrongly(
    tmp_path: Path,
) -> None:
    with postgresql_away(tmp_path) as outage:
        async with alone(tmp_path, **outage.settings) as (gateway, stage):
            url = gateway.settings.database_url
            await give(url, 10)
            before = await gateway.post("analyzed-text", HELLO)
            answer = asyncio.create_task(gateway.post("analyzed-text", {"text": WAIT.decode()}))
            await stage.waiting.wait()
            outage.begin()
            with capture_logs() as lines:
                refused = [await gateway.post("analyzed-text", HELLO, **KEY) for _ in range(3)]
                ready = await gateway.get("/readyz")
            stage.release.set()
            answered = await answer
            outage.end()
            after = [await gateway.post("analyzed-text", HELLO) for _ in range(3)]
        found = await books(url)

    assert [before.status, answered.status] == [200, 200]
    assert [reply.refusal for reply in refused] == [(503, "unavailable")] * 3
    assert {reply.headers["Retry-After"] for reply in refused} == {"1"}
    assert ready.status == 503
    assert [reply.status for reply in after] == [200] * 3
    # What was answered before, during and after.
    assert found == Books(balance=5, held=0, ledger=5, spent=5, charges=5)
    assert "database away" in [line["event"] for line in lines]
    assert "canary" not in repr(lines)


@dataclass
class Load:
    """Callers who ask again as soon as they are answered; `seen` holds every answer."""

    gateway: Gateway
    seen: Counter[tuple[int, str]] = field(default_factory=Counter)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> None:
        """Ask until cancelled."""
        while True:
            reply = await self.gateway.post("analyzed-text", {"text": "hello"})
            self.seen[reply.refusal if reply.status != 200 else (200, "")] += 1
            self.news.set()

    async def more(self, status: int, *, count: int) -> None:
        """Wait until so many more answers have had this status."""
        wanted = self.count(status) + count
        while self.count(status) < wanted:
            self.news.clear()
            await self.news.wait()

    def count(self, status: int) -> int:
        """Return how many answers have had this status."""
        return sum(number for (found, _), number in self.seen.items() if found == status)


@pytest.mark.parametrize("outage_in", [postgresql_away, redis_away])
async def test_load_through_an_outage_is_charged_once_for_each_answer(
    start: Start, tmp_path: Path, outage_in: Callable[[Path], AbstractContextManager[Outage]]
) -> None:
    async with asyncio.timeout(ENOUGH_S):
        with outage_in(tmp_path) as outage:
            async with start(**outage.settings) as gateway:
                url = gateway.settings.database_url
                await give(url, 100_000)
                load = Load(gateway)
                async with asyncio.TaskGroup() as group:
                    callers = [group.create_task(load.ask()) for _ in range(16)]
                    await load.more(200, count=20)
                    await asyncio.to_thread(outage.begin)
                    await load.more(503, count=20)
                    await asyncio.to_thread(outage.end)
                    await load.more(200, count=20)
                    for caller in callers:
                        caller.cancel()
            found = await books(url)

    assert load.seen.keys() == {(200, ""), (503, "unavailable")}
    # Who hung up at the end may have been charged without an answer that was seen.
    assert load.count(200) <= found.charges <= load.count(200) + len(callers)
    assert (found.balance or 0) + found.held == 100_000 - found.charges


OPERATIONS: Final = Path(__file__).parents[2] / "docs" / "operations.md"
CREDITS: Final = 1000
GOOD: Final = ("200", "200", "202", '200 `"status": "ok"`')


@pytest.mark.parametrize(("name", "outage_in"), OUTAGES.items(), ids=OUTAGES)
async def test_outage_is_answered_as_the_table_says_and_ends_by_itself(
    start: Start,
    tmp_path: Path,
    name: str,
    outage_in: Callable[[Path], AbstractContextManager[Outage]],
) -> None:
    async with asyncio.timeout(ENOUGH_S):
        with outage_in(tmp_path) as outage:
            async with start(**outage.settings) as gateway:
                url = gateway.settings.database_url
                await give(url, CREDITS)
                before = await asked(gateway)
                await asyncio.to_thread(outage.begin)
                with capture_logs() as lines:
                    during = await asked(gateway)
                await asyncio.to_thread(outage.end)
                while state(await gateway.get("/readyz")) != GOOD[-1]:
                    pass
                after = await asked(gateway)
            found = await books(url)

    assert (before, after) == (GOOD, GOOD)
    assert during == rows()[name]
    answered = [*before[:3], *during[:3], *after[:3]]
    assert found.charges == sum(status in {"200", "202"} for status in answered)
    assert (found.balance, found.held) == (CREDITS - found.charges, 0)
    assert not [line for line in lines if "exc_info" in line]


def rows() -> dict[str, tuple[str, ...]]:
    """Return the cells of the table in the page, by their first one."""
    lines = OPERATIONS.read_text().partition("\n## Outages\n")[2].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: tuple(row[1:5]) for row in cells}


async def asked(gateway: Gateway) -> tuple[str, ...]:
    """Return the answers to a text, an image to color, a job, and a probe."""
    text = await gateway.post("analyzed-text", {"text": "hello"})
    image = await gateway.post("colorize", {"image": base64(IMAGE)})
    job = await defer(gateway, "ocr", {"image": base64(IMAGE)})
    if job.status == 202:
        await ended(gateway, job)
    return told(text), told(image), told(job), state(await gateway.get("/readyz"))


def told(reply: Reply) -> str:
    """Return the status of an answer, and the code of an error."""
    if reply.status < 300:
        return str(reply.status)
    status, code = reply.refusal
    return f"{status} `{code}`"


def state(ready: Reply) -> str:
    """Return what a probe is told, but for the services."""
    found = {name: value for name, value in ready.json.items() if name != "services"}
    if len(found) > 1:
        del found["status"]
    return f"{ready.status} " + ", ".join(
        f'`"{name}": {value!r}`'.replace("'", '"') for name, value in found.items()
    )
