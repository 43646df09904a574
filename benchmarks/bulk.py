"""Measure a bulk job of one-pixel images: python -m benchmarks.bulk [--items N].

A gateway without a worker, a worker and NATS run as they do for users, each a process, on SQLite,
and the account pays. The service computes nothing. CPU of an item is that of the worker, less
that of the same RPCs from a process that does nothing else.
"""

import asyncio
import io
import statistics
import tempfile
import zipfile
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time

import aiohttp
import cyclopts
import uvloop

from benchmarks.gateways import gateway_settings, make_keys
from benchmarks.processes import Tree, bare_environment, memory_mib, python, running
from benchmarks.reports import report
from contract.fields import EXAMPLE_IMAGE
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from scripts.ports import free_ports
from servicekit.client import open_channel

IMAGE = b64decode(EXAMPLE_IMAGE)
BARE_CALLS = 5000
IN_FLIGHT = 22  # items that one account's bulk job has in flight, by default
ASK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Processes that are measured, and how to reach them."""

    gateway: Tree
    worker: Tree
    url: str
    key: str
    service: str


def main(*, items: int = 100_000) -> None:
    """Run one bulk job and report its rate, its memory and its CPU time."""
    figures = uvloop.run(_measure(items))
    report(("figure", "value"), list(figures.items()))


async def _measure(items: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        async with _staged(Path(folder)) as stage:
            bare_ms = await _bare_ms(stage.service)
            headers = {"X-API-Key": stage.key}
            timeout = aiohttp.ClientTimeout(total=None)
            async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
                return await _run(stage, http, items, bare_ms=bare_ms)


async def _run(
    stage: Stage, http: aiohttp.ClientSession, items: int, *, bare_ms: float
) -> dict[str, object]:
    """Return the figures of a bulk job, each with its unit."""
    samples: list[tuple[float, float]] = []
    sampling = asyncio.create_task(_sample(stage, samples))
    before_s, started_s = stage.worker.cpu_s, monotonic()
    form = aiohttp.FormData()
    form.add_field("endpoint", "classify")
    form.add_field("archive", io.BytesIO(_archive(items)), filename="images.zip")
    async with http.post(f"{stage.url}/api/v1/bulk", data=form) as reply:
        bulk = (await reply.json())["result"]
    uploaded_s = monotonic() - started_s
    while bulk["status"] != "succeeded":
        await asyncio.sleep(ASK_EVERY_S)
        async with http.get(stage.url + bulk["url"]) as reply:
            bulk = (await reply.json())["result"]
    cpu_ms = (stage.worker.cpu_s - before_s) * 1000 / items
    async with http.get(stage.url + bulk["output"]) as reply:
        lines = sum([line.count(b"\n") async for line in reply.content.iter_any()])
    sampling.cancel()
    gateway, worker = (list(one) for one in zip(*samples, strict=True))
    return {
        "items, failed, lines": f"{items}, {bulk['failed']}, {lines}",
        "upload, s": uploaded_s,
        "items a second": bulk["items_per_second"],
        "gateway, MiB: start, middle, end, highest": _course(gateway),
        "worker, MiB: start, middle, end, highest": _course(worker),
        "worker, CPU ms an item": cpu_ms,
        "bare RPC, CPU ms": bare_ms,
        "beyond the RPC, CPU ms an item (bar 2)": cpu_ms - bare_ms,
    }


def _archive(items: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(items):
            archive.writestr(f"{number}.gif", IMAGE)
    return content.getvalue()


async def _sample(stage: Stage, samples: list[tuple[float, float]]) -> None:
    """Add the memory of gateway and worker every second, from before the upload on."""
    while True:
        trees = (stage.gateway, stage.worker)
        gateway, worker = (memory_mib(tree.process, "VmRSS") for tree in trees)
        samples.append((gateway, worker))
        await asyncio.sleep(ASK_EVERY_S)


def _course(samples: list[float]) -> str:
    """Return the first, the median of the middle half, the last and the highest."""
    quarter = len(samples) // 4
    middle = statistics.median(samples[quarter : len(samples) - quarter])
    return ", ".join(f"{one:.0f}" for one in (samples[0], middle, samples[-1], max(samples)))


async def _bare_ms(service: str) -> float:
    """Return the CPU time of an RPC in a process that does nothing else, in ms."""
    left = iter(range(BARE_CALLS))
    async with open_channel(service) as channel:
        stub = rpc.VisionServiceStub(channel)

        async def ask() -> None:
            for _ in left:
                await stub.Classify(pb.ClassifyRequest(image=IMAGE, limit=5), timeout=60)

        await stub.Classify(pb.ClassifyRequest(image=IMAGE, limit=5), wait_for_ready=True)
        before_s = process_time()
        await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)))
    return (process_time() - before_s) * 1000 / BARE_CALLS


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[Stage]:
    """Run NATS, the service, the gateway and the worker."""
    service, nats, gateway, worker = free_ports(4)
    (key,) = await make_keys(folder, "paying", paying=True)
    environment = {
        **bare_environment(),
        **gateway_settings(folder, gateway, {"vision": f"127.0.0.1:{service}"}),
        "GATEWAY_NATS_URL": f"nats://127.0.0.1:{nats}",
        "GATEWAY_LOG_LEVEL": "warning",
        "GATEWAY_ACCOUNT_STORAGE_MIB": str(2**20),
        "GATEWAY_JOB_WORKER": "false",
    }
    server = str(Path(python("x")[0]).with_name("nats-server"))
    store = [server, "--addr", "127.0.0.1", "--port", str(nats), "-js", "-sd", f"{folder}/nats"]
    commands = (
        (python("gateway"), environment),
        (python("gateway", "worker"), {**environment, "GATEWAY_PORT": str(worker)}),
    )
    async with AsyncExitStack() as stack:
        replica = python("benchmarks.replica", "vision", f"127.0.0.1:{service}", 0)
        await stack.enter_async_context(running(replica, bare_environment()))
        await stack.enter_async_context(running(store, bare_environment(), log=folder / "nats.log"))
        trees = [await stack.enter_async_context(running(*command)) for command in commands]
        url = f"http://127.0.0.1:{gateway}"
        await _until_ready(url)
        yield Stage(trees[0], trees[1], url, key, f"127.0.0.1:{service}")


async def _until_ready(url: str) -> None:
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"{url}/readyz") as reply:
                    if (await reply.json()).get("jobs") != "unavailable":
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    cyclopts.run(main)
