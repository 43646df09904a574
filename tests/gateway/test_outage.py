"""PostgreSQL or Redis stops and starts again: clear 503s, then recovery, and no wrong charge."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.gateway.alone import alone
from tests.gateway.books import Books, books, give
from tests.gateway.outages import Outage, postgresql_away, redis_away
from tests.gateway.running import Gateway, Start
from tests.gateway.stage import WAIT

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
                    await load.more(200, count=100)
                    await asyncio.to_thread(outage.begin)
                    await load.more(503, count=100)
                    await asyncio.to_thread(outage.end)
                    await load.more(200, count=100)
                    for caller in callers:
                        caller.cancel()
            found = await books(url)

    assert load.seen.keys() == {(200, ""), (503, "unavailable")}
    # Who hung up at the end may have been charged without an answer that was seen.
    assert load.count(200) <= found.charges <= load.count(200) + len(callers)
    assert (found.balance or 0) + found.held == 100_000 - found.charges
