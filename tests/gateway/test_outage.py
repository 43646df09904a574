"""PostgreSQL or Redis stops and starts again: clear 503s, then recovery, and no wrong charge."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from gateway.accounts.accounts import AccountStore
from gateway.database.engine import open_database
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.servers import Server, empty_database, postgres, redis
from tests.gateway.services import serving_all
from tests.gateway.stage import WAIT, Stage

ENOUGH_S = 60  # far beyond what any of the waits below takes


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own: this test stops it."""
    with postgres() as found:
        yield found


async def test_stop_of_the_database_is_503_until_it_is_back_and_charges_nobody_wrongly(
    server: Server, tmp_path: Path
) -> None:
    stage = Stage()
    url = empty_database(server)
    async with serving_all(stage) as addresses, asyncio.timeout(ENOUGH_S):
        async with running(gateway_settings(tmp_path, database_url=url, **addresses)) as gateway:
            await give(url, 10)
            before = await gateway.post("analyzed-text", {"text": "hello"})
            answer = asyncio.create_task(gateway.post("analyzed-text", {"text": WAIT.decode()}))
            await stage.waiting.wait()

            server.stop()
            refused = [await gateway.post("analyzed-text", {"text": "hello"}) for _ in range(3)]
            ready = await gateway.get("/readyz")
            stage.release.set()
            answered = await answer
            server.start()
            after = [await gateway.post("analyzed-text", {"text": "hello"}) for _ in range(3)]
        found = await books(url)

    assert [before.status, answered.status] == [200, 200]
    assert [reply.refusal for reply in refused] == [(503, "unavailable")] * 3
    assert {reply.headers["Retry-After"] for reply in refused} == {"1"}
    assert ready.status == 503
    assert [reply.status for reply in after] == [200] * 3
    assert found == (5, 0, 5, 5)  # what was answered before, during and after


@pytest.fixture(params=["postgresql", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[Server, dict[str, str]]]:
    """Return a server of each kind that a gateway cannot do without, and the settings for it."""
    if request.param == "postgresql":
        with postgres() as found:
            yield found, {"database_url": empty_database(found)}
        return
    with redis() as found:
        url = f"redis://127.0.0.1:{found.port}/0"
        yield found, {"rate_url": url, "rate_limit": "1000000/day"}


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


async def test_load_through_an_outage_is_charged_once_for_each_answer(
    store: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, settings = store
    async with serving_all(Stage()) as addresses, asyncio.timeout(ENOUGH_S):
        async with running(gateway_settings(tmp_path, **settings, **addresses)) as gateway:
            url = gateway.settings.database_url
            await give(url, 100_000)
            load = Load(gateway)
            async with asyncio.TaskGroup() as group:
                callers = [group.create_task(load.ask()) for _ in range(16)]
                await load.more(200, count=100)
                await asyncio.to_thread(server.stop)
                await load.more(503, count=100)
                await asyncio.to_thread(server.start)
                await load.more(200, count=100)
                for caller in callers:
                    caller.cancel()
        balance, held, _, charges = await books(url)

    assert load.seen.keys() == {(200, ""), (503, "unavailable")}
    # Who hung up at the end may have been charged without an answer that was seen.
    assert load.count(200) <= charges <= load.count(200) + len(callers)
    assert balance + held == 100_000 - charges


async def test_outage_is_logged_without_what_callers_sent(server: Server, tmp_path: Path) -> None:
    url = empty_database(server)
    async with serving_all(Stage()) as addresses:
        settings = gateway_settings(tmp_path, database_url=url, **addresses)
        async with running(settings) as gateway:
            server.stop()
            with capture_logs() as lines:
                header = {"Idempotency_Key": "canary-1"}
                reply = await gateway.post("analyzed-text", {"text": "canary-2"}, **header)

    assert reply.refusal == (503, "unavailable")
    assert "database away" in [line["event"] for line in lines]
    assert "canary" not in repr(lines)


async def give(url: str, amount: int) -> None:
    engine = await open_database(url)
    await AccountStore(engine).credit("tests", amount)
    await engine.dispose()


async def books(url: str) -> tuple[int, int, int, int]:
    """Return the balance, what is held, the ledger's sum, and the number of charges."""
    engine = await open_database(url)
    async with engine.connect() as connection:
        found = (
            int(await connection.scalar(select(ACCOUNTS.c.balance)) or 0),
            int(await connection.scalar(select(func.sum(HOLDS.c.amount))) or 0),
            int(await connection.scalar(select(func.sum(LEDGER.c.amount))) or 0),
            int(
                await connection.scalar(select(func.count()).where(LEDGER.c.kind == "charge")) or 0
            ),
        )
    await engine.dispose()
    return found
