"""PostgreSQL stops and starts again under load: clear 503s, then recovery, and no wrong charge."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from gateway.accounts.accounts import AccountStore
from gateway.database.engine import open_database
from gateway.database.tables import ACCOUNTS, HOLDS, LEDGER
from tests.gateway.running import gateway_settings, running
from tests.gateway.servers import Server, empty_database, postgres
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
            await give_ten(url)
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


async def give_ten(url: str) -> None:
    engine = await open_database(url)
    await AccountStore(engine).credit("tests", 10)
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
