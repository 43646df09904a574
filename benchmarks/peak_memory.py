"""Start the real services on loopback and read their peak memory around a burst of requests."""

import asyncio
from dataclasses import dataclass

from benchmarks.calls import CALLS
from benchmarks.processes import memory_mib, serving

ANSWERED_WITHIN_S = 300.0
REQUESTS_OF_EACH_RPC = 8  # all at once
_PEAK = "VmHWM"


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Most memory that a service's process ever held, as Linux counts it (VmHWM)."""

    service: str
    started_mib: float
    burst_mib: float
    requests: int


async def measure_services(picture: bytes) -> list[PeakMemory]:
    """Return the peaks of all services, measured one after the other with one thread each."""
    return [await _measure(name, picture) for name in CALLS]


async def _measure(name: str, picture: bytes) -> PeakMemory:
    async with serving(name, threads=1) as (channel, process):
        started_mib = memory_mib(process, _PEAK)
        requests = [call for call in CALLS[name].values() for _ in range(REQUESTS_OF_EACH_RPC)]
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            await asyncio.gather(*(call(channel, picture) for call in requests))
        return PeakMemory(name, started_mib, memory_mib(process, _PEAK), len(requests))
