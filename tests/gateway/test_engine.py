"""The job engine on a real NATS server: messages, and what happens while the server is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats import connect
from prometheus_client import CollectorRegistry

from gateway.jobs.engine import (
    BULK,
    JOBS,
    Delivery,
    EngineOptions,
    EngineUnavailable,
    JobEngine,
    running_engine,
)
from gateway.periodic import PeriodicTasks
from servicekit.telemetry import PeriodicMetrics
from tests.gateway.running import gateway_settings, running
from tests.gateway.servers import Server, nats_server, prefix_of

ENOUGH_S = 20  # far beyond what any of the waits below takes


@asynccontextmanager
async def engine_at(url: str, folder: Path, *, ack_wait_s: float = 30) -> AsyncIterator[JobEngine]:
    options = EngineOptions(url, prefix_of(folder), replicas=1, ack_wait_s=ack_wait_s)
    tasks = PeriodicTasks(PeriodicMetrics(CollectorRegistry()))
    async with asyncio.timeout(ENOUGH_S), running_engine(options, tasks) as engine:
        yield engine


async def pulled(engine: JobEngine) -> Delivery:
    """Return the next message, when there is one."""
    while True:
        delivery = await engine.pull(JOBS, "ada")
        if delivery is not None:
            return delivery


async def until(engine: JobEngine, *, is_ready: bool) -> None:
    """Wait until the engine is ready, or is not."""
    while engine.is_ready != is_ready:
        engine.changed.clear()
        await engine.changed.wait()


async def test_message_is_delivered_until_it_is_acked(nats: Server, tmp_path: Path) -> None:
    async with engine_at(nats.url, tmp_path) as engine:
        place = await engine.publish(JOBS, "ada", job="a", number=1)
        first = await pulled(engine)
        in_hand = await engine.pull(JOBS, "ada")
        await first.give_back()
        again = await pulled(engine)
        held = await engine.holds(place, "a")
        await again.ack()
        while await engine.holds(place, "a"):
            continue
        left = await engine.pull(JOBS, "ada")

    assert (first.id, first.is_again) == ("a", False)
    assert in_hand is None
    assert (again.id, again.is_again) == ("a", True)
    assert held
    assert left is None


async def test_message_of_a_silent_worker_goes_to_another(nats: Server, tmp_path: Path) -> None:
    async with engine_at(nats.url, tmp_path, ack_wait_s=0.5) as engine:
        await engine.publish(JOBS, "ada", job="a", number=1)
        await pulled(engine)

        assert (await pulled(engine)).is_again


async def test_same_publication_is_one_message(nats: Server, tmp_path: Path) -> None:
    async with engine_at(nats.url, tmp_path) as engine:
        places = [await engine.publish(JOBS, "ada", job="a", number=1) for _ in range(2)]
        other = await engine.publish(JOBS, "ada", job="a", number=2)
        await engine.refresh()

        assert places[0] == places[1] != other
        assert engine.counts(JOBS) == {"ada": 2}


async def test_engine_comes_back_with_its_server(tmp_path: Path) -> None:
    with nats_server() as server:
        async with engine_at(server.url, tmp_path) as engine:
            await engine.publish(JOBS, "ada", job="a", number=1)
            server.kill()
            await until(engine, is_ready=False)
            with pytest.raises(EngineUnavailable):
                await engine.publish(JOBS, "ada", job="b", number=1)
            server.start()
            await until(engine, is_ready=True)

            assert (await pulled(engine)).id == "a"


async def test_gateway_starts_and_is_ready_without_nats(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    with nats_server() as server:
        server.kill()
        settings = gateway_settings(tmp_path, nats_url=server.url, **addresses)
        async with running(settings) as gateway:
            without = await gateway.get("/readyz")
            server.start()
            while "jobs" in (reply := await gateway.get("/readyz")).json:
                assert reply.status == 200

    assert (without.status, without.json["jobs"]) == (200, "unavailable")


async def test_stream_of_a_release_before_takes_the_new_kind_of_messages(
    nats: Server, tmp_path: Path
) -> None:
    name = prefix_of(tmp_path)
    client = await connect(nats.url)
    await client.jetstream().add_stream(
        name=name, subjects=[f"{name}.jobs.*", f"{name}.webhooks.*"], retention="workqueue"
    )
    await client.close()

    async with engine_at(nats.url, tmp_path) as engine:
        place = await engine.publish(BULK, "ada", job="a.0", number=1)
        held = await engine.holds(place, "a.0")

    assert held
