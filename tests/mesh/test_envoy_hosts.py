"""A host cut off for ten seconds costs no request, and gets its share again afterwards."""

import asyncio
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from benchmarks.chaos import NEW_BAR_S
from benchmarks.replicated import ReplicatedMesh, replicated_mesh
from benchmarks.running_envoy import until_healthy
from tests.mesh.second_host import can_have_second_host, second_host

CUT_S = 10.0
SPEEDS = {"colorize": (0.02,), "ocr": (0.02, 0.02), "vision": (0.02,)}
IN_FLIGHT = 8


@pytest.mark.skipif(not can_have_second_host(), reason="needs root and network namespaces")
async def test_host_that_is_cut_off_costs_no_request(tmp_path: Path) -> None:
    with second_host() as second:
        async with replicated_mesh(tmp_path, SPEEDS, second=second) as mesh:
            before = await asked(mesh, seconds=1)
            with second.cut_off():
                cut = await asked(mesh, seconds=CUT_S)
            await until_healthy(mesh.places, {"ocr": 2})
            answers = answered(mesh)
            async with asyncio.timeout(NEW_BAR_S):
                while answered(mesh) == answers:
                    await mesh.ask("ocr")

    assert set(before) == set(cut) == {200}  # and each answer is that to its request
    assert cut[200] > 100  # the other host goes on


async def asked(mesh: ReplicatedMesh, *, seconds: float) -> Counter[int]:
    """Return the statuses of requests that are sent for so long; each checks its answer."""
    statuses: Counter[int] = Counter()
    ends_s = monotonic() + seconds

    async def call() -> None:
        while monotonic() < ends_s:
            statuses[await mesh.ask("ocr")] += 1

    await asyncio.gather(*(call() for _ in range(IN_FLIGHT)))
    return statuses


def answered(mesh: ReplicatedMesh) -> int:
    """Return how many requests the second host has answered."""
    return mesh.log("ocr", 1).read_bytes().count(b'"code": "OK"')
