"""Compare the gateway's CPU time with a bare proxy's: python -m benchmarks.gateway.

The gateway runs as it does for users: its own process, its default settings, SQLite, a key. Both
call the same service, whose model takes no time, and get the same load in turns.
"""

import asyncio
import base64
import json
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cyclopts

from benchmarks.gateways import gateway_settings, make_keys
from benchmarks.processes import Tree, bare_environment, inherited, python, running
from benchmarks.reports import report
from benchmarks.serving import wire
from benchmarks.serving.catalogue import Peer
from benchmarks.serving.load import Load, calling
from benchmarks.serving.turns import median_ratio, take_turns, until_ready
from scripts.ports import free_ports

CPU_BAR = 1.5  # most times the CPU of the bare proxy
IN_FLIGHT = 8
IMAGE_BYTES, SMALL_BYTES = 100_000, 60
PATH = "/api/v1/classify"


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of request: an image of a size in a frame, paid with credits or not."""

    name: str
    image_bytes: int
    frame: Callable[[bytes], bytes]
    content_type: str
    is_paid: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Both servers by name, with their ports, and keys of an account without and with credits."""

    servers: dict[str, tuple[int, Tree]]
    key: str
    paying_key: str


def _to_json(image: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode()}).encode()


_JSON, _UPLOAD = (_to_json, "application/json"), (partial(wire.form, name="image"), wire.FORM_TYPE)
JOBS = (
    Job("100 KB image, base64", IMAGE_BYTES, *_JSON),
    Job("100 KB image, upload", IMAGE_BYTES, *_UPLOAD),
    Job("small JSON", SMALL_BYTES, *_JSON),
    Job("small JSON, paid with credits in SQLite", SMALL_BYTES, *_JSON, is_paid=True),
)


def main(*, rounds: int = 12, seconds: float = 0.5) -> None:
    """Measure every kind of request."""
    rows = asyncio.run(_measure(rounds=rounds, seconds=seconds))
    head = ("request", "gateway, CPU ms", "bare, CPU ms", f"ratio (bar {CPU_BAR})")
    report(head, rows)


async def _measure(*, rounds: int, seconds: float) -> list[list[object]]:
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with _staged(Path(folder)) as stage:
            for number, job in enumerate(JOBS):
                image = Path(folder) / f"{number}.jpg"
                loads = [await _load(stage, job, name, image) for name in stage.servers]
                slices = await take_turns(loads, rounds=rounds, seconds=seconds)
                ours, bare = slices.values()
                costs = (statistics.median(one.cpu_ms for one in turns) for turns in (ours, bare))
                rows.append([job.name, *costs, median_ratio(ours, bare)])
    return rows


async def _load(stage: Stage, job: Job, name: str, image: Path) -> Load:
    port, tree = stage.servers[name]
    content = b"\xff\xd8\xff" + bytes(job.image_bytes)  # nobody decodes it
    await asyncio.to_thread(image.write_bytes, content)
    key = stage.paying_key if job.is_paid else stage.key
    headers = {"content-type": job.content_type, "x-api-key": key}
    server = Peer(name, "http", PATH, frame=job.frame, headers=headers)
    async with calling(server, port) as caller:
        await until_ready(caller, tree, content, b'"result"', image)
    return Load(server, port, tree, image, IN_FLIGHT)


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[Stage]:
    """Run the service, the bare proxy and the gateway."""
    service, bare, gateway = free_ports(3)
    address = f"127.0.0.1:{service}"
    (key,) = await make_keys(folder, "free")
    (paying_key,) = await make_keys(folder, "paying", paying=True)
    settings = gateway_settings(folder, gateway, {"vision": address})
    commands = {
        "gateway": (python("gateway"), {**inherited(), **settings, "GATEWAY_RATE_LIMIT": ""}),
        "bare": (python("benchmarks.bare_proxy", bare, address), bare_environment()),
    }
    async with AsyncExitStack() as stack:
        replica = python("benchmarks.replica", "vision", address, 0)
        await stack.enter_async_context(running(replica, bare_environment()))
        trees = [await stack.enter_async_context(running(*one)) for one in commands.values()]
        ports = zip((gateway, bare), trees, strict=True)
        yield Stage(dict(zip(commands, ports, strict=True)), key, paying_key)


if __name__ == "__main__":
    cyclopts.run(main)
