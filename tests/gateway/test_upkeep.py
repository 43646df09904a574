"""Upkeep: its faults do not reach the callers of the gateway."""

import asyncio
from pathlib import Path

from sqlalchemy import insert
from structlog.testing import capture_logs

from gateway.database.engine import open_database
from gateway.database.tables import RESULTS
from tests.gateway.clocks import Hands
from tests.gateway.running import gateway_settings, running

ENOUGH_S = 20  # far beyond what a sweep of one file takes


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
