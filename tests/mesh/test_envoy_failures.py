"""A replica that ends, is slow or comes new, under load behind the real Envoy.

Stand-ins run in the place of the models, and few requests: `python -m benchmarks.chaos` sends more.
"""

import signal
from collections.abc import AsyncIterator

import pytest

from benchmarks.chaos import NEW_BAR_S, THROUGHPUT_BAR, end_under_load, throughput, until_used
from benchmarks.replicated import ReplicatedMesh, replicated_mesh
from benchmarks.running_envoy import until_healthy

SPEEDS = {
    "colorize": (0.01, 0.01),
    "ocr": (0.01, 0.01, 0.01),
    "vision": (0.03, 0.15),  # slow enough that a busy machine does not matter
}


@pytest.fixture(scope="module")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReplicatedMesh]:
    folder = tmp_path_factory.mktemp("replicas")
    async with replicated_mesh(folder, SPEEDS, started={"ocr": 2}) as mesh:
        yield mesh


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_end_of_a_replica_costs_no_request(
    replicas: ReplicatedMesh, number: signal.Signals
) -> None:
    statuses = await end_under_load(replicas, "colorize", number, requests=240, in_flight=16)
    await until_healthy(replicas.places, {"colorize": 2})

    assert statuses == {200: 240}


async def test_slow_replica_gets_no_more_than_it_can_do(replicas: ReplicatedMesh) -> None:
    share = await throughput(replicas, "vision", warm_up_s=1, measured_s=3, in_flight=16)

    assert share >= THROUGHPUT_BAR


async def test_new_replica_is_found(replicas: ReplicatedMesh) -> None:
    assert await until_used(replicas, "ocr", 2) < NEW_BAR_S
