"""Compare the gateway's CPU with a bare proxy's, and crowd it: python -m benchmarks.gateway.

    python -m benchmarks.gateway [--slices N] [--requests N] [--json FILE] [--no-crowd]

The gateway runs as it does for users: its own process, its default settings, SQLite, a key. Both
ask the same service, which answers at once, and get the same load from the same client, in turns;
the process's own CPU clock is read before and after each slice. Then one fast caller is timed
alone and among idle connections and slow uploads, in turns.
"""

import argparse
import asyncio
import base64
import json
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.machine import describe_machine
from benchmarks.processes import running
from gateway.accounts.accounts import AccountStore
from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database
from scripts.ports import free_port

CPU_BAR = 1.5  # at most so many times the CPU of the bare proxy
CROWD_BAR = 2.0  # at most so many times the fast caller's p99 alone
CALLERS = 8  # at once, in the CPU slices
IDLE, SLOW = 1000, 200
WARM_UP_SLICES = 2
PICTURE_BYTES = 100_000
BOUNDARY = b"----------------------benchmark"
PACKAGES = ("grpcio", "httptools", "msgspec", "sqlalchemy", "starlette", "uvicorn", "uvloop")
OPEN_FILES = 4096  # connections of both sides, and more


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of request.

    Attributes:
        name: For people.
        path: Of the endpoint.
        body: What is sent, whole.
        content_type: Of the body.
        is_metered: Whether its key's account pays.
    """

    name: str
    path: str
    body: bytes
    content_type: str
    is_metered: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one request in milliseconds, medians over the slices; `ratio` is that of the two."""

    name: str
    gateway_ms: float
    bare_ms: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Latency:
    """What one fast caller waits, in milliseconds, medians over the slices."""

    among: str
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves HTTP on a port of this machine."""

    port: int
    pid: int

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far, user and system."""
        return time.clock_gettime(~self.pid << 3 | 2)  # as clock_getcpuclockid(3) makes it


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs: both servers, and a key of an account that pays nothing and of one that pays."""

    gateway: Server
    bare: Server
    key: str
    metered_key: str


def main() -> None:
    """Measure everything, print two tables and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="Measure the gateway's CPU and its patience.")
    parser.add_argument("--slices", type=int, default=12, help="of each kind and server")
    parser.add_argument("--requests", type=int, default=400, help="in a slice")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--no-crowd", action="store_true", help="leave the second part out")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, most), most))
    costs, latencies = uvloop.run(_measure(arguments))
    if arguments.json:
        figures = {
            **describe_machine(PACKAGES),
            "callers": CALLERS,
            "costs": [asdict(cost) for cost in costs],
            "latencies": [asdict(latency) for latency in latencies],
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


async def _measure(arguments: argparse.Namespace) -> tuple[list[Cost], list[Latency]]:
    async with _staged() as stage, _client() as http:
        print(f"{'request':34} {'gateway':>8} {'bare':>8}  ratio (bar {CPU_BAR})")
        costs = []
        for job in _jobs():
            cost = await _cost(http, stage, job, arguments)
            print(
                f"{job.name:34} {cost.gateway_ms:5.3f} ms {cost.bare_ms:5.3f} ms  {cost.ratio:.2f}"
            )
            costs.append(cost)
        if arguments.no_crowd:
            return costs, []
        latencies = await _latencies(http, stage, arguments)
    for latency in latencies:
        print(f"{latency.among:34} p50 {latency.p50_ms:.2f} ms, p99 {latency.p99_ms:.2f} ms")
    ratio = latencies[1].p99_ms / latencies[0].p99_ms
    print(f"p99 among them is {ratio:.2f} times that alone (bar {CROWD_BAR})")
    return costs, latencies


def _jobs() -> list[Job]:
    """Return the requests: pictures that nobody decodes, and a small text."""
    picture = b"\xff\xd8\xff" + bytes(range(256)) * (PICTURE_BYTES // 256)
    encoded = base64.b64encode(picture).decode()
    head = b'Content-Disposition: form-data; name="image"; filename="photo.jpg"'
    upload = b"--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n" % (BOUNDARY, head, picture, BOUNDARY)
    form = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    text = json.dumps({"text": "I enjoyed every day of it, and our sales grew by a third."})
    classify, analyze = "/api/v1/classify", "/api/v1/analyzed-text"
    plain = "application/json"
    return [
        Job("small JSON", analyze, text.encode(), plain),
        Job("100 KB picture, base64", classify, json.dumps({"image": encoded}).encode(), plain),
        Job("100 KB picture, multipart", classify, upload, form),
        Job("small JSON, paid with credits", analyze, text.encode(), plain, is_metered=True),
    ]


async def _cost(
    http: aiohttp.ClientSession, stage: Stage, job: Job, arguments: argparse.Namespace
) -> Cost:
    """Return what a request costs, measured in turns."""
    spent: dict[Server, list[float]] = {stage.gateway: [], stage.bare: []}
    key = stage.metered_key if job.is_metered else stage.key
    for turn in range(WARM_UP_SLICES + arguments.slices):
        for server, seconds in spent.items():
            began_s = server.cpu_s
            await _load(http, server, job, key=key, count=arguments.requests)
            if turn >= WARM_UP_SLICES:
                seconds.append((server.cpu_s - began_s) / arguments.requests)
    ours, theirs = (1000 * statistics.median(spent[server]) for server in spent)
    return Cost(job.name, ours, theirs, ours / theirs)


async def _load(
    http: aiohttp.ClientSession, server: Server, job: Job, *, key: str, count: int
) -> None:
    """Send so many requests, a few at once, each on a connection that is kept."""

    async def call() -> None:
        for _ in range(count // CALLERS):
            await _send(http, server, job, key=key)

    await asyncio.gather(*(call() for _ in range(CALLERS)))


async def _send(http: aiohttp.ClientSession, server: Server, job: Job, *, key: str) -> None:
    headers = {"X-API-Key": key, "Content-Type": job.content_type}
    url = f"http://127.0.0.1:{server.port}{job.path}"
    async with http.post(url, data=job.body, headers=headers) as reply:
        await reply.read()
        reply.raise_for_status()


async def _latencies(
    http: aiohttp.ClientSession, stage: Stage, arguments: argparse.Namespace
) -> list[Latency]:
    """Return what a fast caller waits alone and among others, measured in turns."""
    job = _jobs()[0]
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(arguments.slices):
        for is_crowded, waits in found.items():
            async with _crowd(stage) if is_crowded else _nobody():
                waits.append(await _waits(http, stage, job, count=arguments.requests))
    names = {False: "a fast caller, alone", True: f"among {IDLE} idle and {SLOW} slow"}
    return [
        Latency(names[is_crowded], *map(statistics.median, zip(*waits, strict=True)))
        for is_crowded, waits in found.items()
    ]


async def _waits(
    http: aiohttp.ClientSession, stage: Stage, job: Job, *, count: int
) -> tuple[float, float]:
    """Return the 50th and the 99th percentile of a caller's waits, in milliseconds."""
    waits_ms = []
    for _ in range(count):
        began_s = time.perf_counter()
        await _send(http, stage.gateway, job, key=stage.key)
        waits_ms.append(1000 * (time.perf_counter() - began_s))
    cuts = statistics.quantiles(waits_ms, n=100)
    return cuts[49], cuts[98]


@asynccontextmanager
async def _nobody() -> AsyncIterator[None]:
    """Nobody else calls."""
    yield


@asynccontextmanager
async def _crowd(stage: Stage) -> AsyncIterator[None]:
    numbers = (str(stage.gateway.port), stage.key, str(IDLE), str(SLOW))
    async with running("benchmarks.crowd", *numbers, stdout=asyncio.subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - for mypy: it is a pipe
        if not await process.stdout.readline():
            raise RuntimeError("the crowd ended")
        yield


@asynccontextmanager
async def _staged() -> AsyncIterator[Stage]:
    """Start the service, the bare proxy and the gateway."""
    service, bare, gateway = free_port(), free_port(), free_port()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        key, metered_key = await _keys(url)
        settings = {
            "GATEWAY_PORT": str(gateway),
            "GATEWAY_DATABASE_URL": url,
            "GATEWAY_RESULTS_DIR": f"{folder}/results",
            "GATEWAY_OCR_ADDRESS": f"127.0.0.1:{service}",
            "GATEWAY_VISION_ADDRESS": f"127.0.0.1:{service}",
        }
        stand_ins = "benchmarks.stand_ins"
        await stack.enter_async_context(running(stand_ins, "service", str(service)))
        proxy = await stack.enter_async_context(running(stand_ins, "bare", str(bare), str(service)))
        ours = await stack.enter_async_context(running("gateway", settings=settings))
        servers = Server(gateway, ours.pid), Server(bare, proxy.pid)
        for server in servers:
            await _answers(server)
        yield Stage(*servers, key, metered_key)


async def _answers(server: Server) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with http.get(f"http://127.0.0.1:{server.port}/healthz"):
                    return
            await asyncio.sleep(0.1)


async def _keys(url: str) -> tuple[str, str]:
    """Return a key of an account that nobody meters, and one of an account that pays."""
    engine = await open_database(url)
    keys = KeyStore(engine)
    made = await keys.create("free"), await keys.create("paying")
    await AccountStore(engine).credit("paying", 10**9)
    await engine.dispose()
    return made


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


if __name__ == "__main__":
    main()
