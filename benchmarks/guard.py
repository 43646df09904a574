"""Attack a mesh and watch a well-behaved caller: python -m benchmarks.guard run.

The real gateway and the real services run on loopback. Each attack, a process of its own from
another address, goes on while another account asks one request after the other; the table has the
95th percentile of these requests, those that were refused and the gateway's memory. Times are of
this machine and moment: only their ratio within a row says something.
"""

import asyncio
import base64
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import cyclopts

from benchmarks.gateways import gateway_settings, make_keys
from benchmarks.images import draw_plain_word, draw_small_photo
from benchmarks.processes import Tree, bare_environment, inherited, memory_mib, python, running
from benchmarks.reports import report
from contract.table import ENDPOINT_NAMES
from scripts.ports import LOOPBACK, free_ports

SERVICES = ("colorize", "ocr", "vision")
CALLS_OF_FLOOD = 100
CONNECTIONS = 1000
RETRY_AFTER_S = 1.0  # as the gateway says
SLOW_HEADERS = 300
SLOW_UPLOADS = 40
MOST_MEMORY_MIB, MOST_RATIO = 32.0, 2.0
READY_WITHIN_S, ANSWERED_WITHIN_S = 120.0, 60.0
BEGINS_WITHIN_S = 2.0
ATTACKER = "127.0.0.2"  # another address, as attackers have
HEAD = ("attack", "p95 before, ms", "p95 during, ms", "ratio", "refused", "memory, MiB more")


@dataclass(frozen=True, slots=True)
class Gateway:
    """Gateway as a caller sees it."""

    port: int
    key: str
    http: aiohttp.ClientSession

    async def ask(self, endpoint: str, body: dict[str, str]) -> int:
        """Return the status of a request."""
        url = f"http://{LOOPBACK}:{self.port}/api/v1/{endpoint}"
        async with self.http.post(url, json=body, headers={"X-API-Key": self.key}) as response:
            await response.read()
            return response.status

    async def connect(self, head: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a new connection on which these bytes were sent."""
        reader, writer = await asyncio.open_connection(
            LOOPBACK, self.port, local_addr=(ATTACKER, 0)
        )
        writer.write(head)
        await writer.drain()
        return reader, writer


@dataclass(frozen=True, slots=True)
class Mesh:
    """Gateway before the services, with the key of the attacker."""

    gateway: Gateway
    tree: Tree
    greedy: str


async def ask_for(seconds: float, gateway: Gateway, endpoint: str) -> tuple[float, int]:
    """Ask one request after the other for that long; return their p95 in ms, and the refused."""
    body, ends_s = bodies()[endpoint], monotonic() + seconds
    took_s, refused = [], 0
    while monotonic() < ends_s:
        began_s = monotonic()
        refused += await gateway.ask(endpoint, body) != HTTPStatus.OK
        took_s.append(monotonic() - began_s)
    return 1000 * statistics.quantiles(took_s, n=20)[-1], refused


async def flood(endpoint: str, gateway: Gateway) -> None:
    """Keep a number of requests of one account under way."""
    body = bodies()[endpoint]

    async def ask() -> None:
        while True:
            if await gateway.ask(endpoint, body) == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(RETRY_AFTER_S)

    await asyncio.gather(*(ask() for _ in range(CALLS_OF_FLOOD)))


async def hold(count: int, head: bytes, gateway: Gateway) -> None:
    """Hold connections open that sent the beginning of a request, and replace closed ones."""

    async def keep() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await gateway.connect(head)
                await reader.read()  # until the gateway closes it
                writer.close()

    await asyncio.gather(*(keep() for _ in range(count)))


async def stall_uploads(gateway: Gateway) -> None:
    """Send the first mebibyte of uploads."""
    head = "POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
    head += f"X-API-Key: {gateway.key}\r\n\r\n"
    await hold(SLOW_UPLOADS, head.encode() + b"{" * 2**20, gateway)


async def endless_header(gateway: Gateway) -> None:
    """Send header values without an end, one connection after the other."""
    while True:
        with suppress(OSError):
            _, writer = await gateway.connect(b"GET /healthz HTTP/1.1\r\nX: ")
            while True:
                writer.write(b"x" * 2**20)
                await writer.drain()


def bodies() -> dict[str, dict[str, str]]:
    """Return a request of each endpoint."""
    photo = {"image": base64.b64encode(draw_small_photo()).decode()}
    word = {"image": base64.b64encode(draw_plain_word("guard")).decode()}
    return {
        "classify": photo,
        "colorize": photo,
        "emotions": photo,
        "nudity": photo,
        "ocr": word,
        "analyzed-ocr": word,
        "analyzed-text": {"text": "The room was clean and the view was wonderful. " * 8},
    }


ATTACKS: dict[str, tuple[Callable[[Gateway], Awaitable[None]], str]] = {
    "endless header": (endless_header, "classify"),
    f"{SLOW_HEADERS} slow headers": (partial(hold, SLOW_HEADERS, b"GET / HT"), "classify"),
    f"{CONNECTIONS} idle connections": (partial(hold, CONNECTIONS, b""), "classify"),
    f"{SLOW_UPLOADS} stalled uploads": (stall_uploads, "classify"),
    **{
        f"{CALLS_OF_FLOOD} calls of {name}": (partial(flood, name), name) for name in ENDPOINT_NAMES
    },
}
"""Attacks by name, each with the endpoint that the well-behaved caller asks."""


async def _measure(mesh: Mesh, name: str, seconds: float) -> list[Any]:
    endpoint = ATTACKS[name][1]
    await mesh.gateway.ask(endpoint, bodies()[endpoint])
    before_ms, _ = await ask_for(seconds, mesh.gateway, endpoint)
    memory = memory_mib(mesh.tree.process, "VmRSS")
    command = python("benchmarks.guard", "attack", name, mesh.gateway.port, mesh.greedy)
    async with running(command, bare_environment()):
        await asyncio.sleep(BEGINS_WITHIN_S)
        during_ms, refused = await ask_for(seconds, mesh.gateway, endpoint)
        grown = memory_mib(mesh.tree.process, "VmRSS") - memory
    return [name, before_ms, during_ms, during_ms / before_ms, refused, max(0.0, grown)]


@asynccontextmanager
async def _staged(folder: Path) -> AsyncIterator[Mesh]:
    """Run the services and the gateway until they answer."""
    greedy, good = await make_keys(folder, "greedy", "good")
    port, *ports = free_ports(1 + len(SERVICES))
    places = dict(zip(SERVICES, ports, strict=True))
    addresses = {name: f"{LOOPBACK}:{own}" for name, own in places.items()}
    environment = {
        **inherited(),
        **gateway_settings(folder, port, addresses),
        **{f"{name.upper()}_METRICS_PORT": "0" for name in SERVICES},
        **{f"{name.upper()}_PORT": str(own) for name, own in places.items()},
    }
    async with AsyncExitStack() as stack:
        for name in SERVICES:
            await stack.enter_async_context(running(python(name), environment))
        tree = await stack.enter_async_context(running(python("gateway"), environment))
        http = await stack.enter_async_context(_client())
        gateway = Gateway(port, good, http)
        await _until_answered(gateway)
        yield Mesh(gateway, tree, greedy)


def _client(address: str = LOOPBACK) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, local_addr=(address, 0)),
        timeout=aiohttp.ClientTimeout(total=ANSWERED_WITHIN_S),
    )


async def _until_answered(gateway: Gateway) -> None:
    """Wait until every endpoint answers."""
    async with asyncio.timeout(READY_WITHIN_S):
        for endpoint, body in bodies().items():
            status = 0
            while status != HTTPStatus.OK:
                with suppress(aiohttp.ClientError):
                    status = await gateway.ask(endpoint, body)
                await asyncio.sleep(0.1)


app = cyclopts.App(help=__doc__)


@app.command
def run(*, seconds: float = 8.0, attacks: str = "") -> None:
    """Make every attack, or those that are named; exit with 1 where a bar is missed."""
    chosen = [name for name in ATTACKS if any(part in name for part in attacks.split(","))]

    async def measure() -> list[list[Any]]:
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            async with _staged(Path(folder)) as mesh:
                for name in chosen:
                    rows.append(await _measure(mesh, name, seconds))
                    print(*rows[-1], flush=True)
        return rows

    rows = asyncio.run(measure())
    report(HEAD, rows)
    missed = [row[0] for row in rows if row[3] > MOST_RATIO or row[4] or row[5] > MOST_MEMORY_MIB]
    if missed:
        print(f"missed (ratio {MOST_RATIO:g}, 0 refused, {MOST_MEMORY_MIB:g} MiB):", *missed)
    sys.exit(bool(missed))


@app.command
def attack(name: str, port: int, key: str) -> None:
    """Attack a gateway until the process is stopped."""

    async def go() -> None:
        async with _client(ATTACKER) as http:
            await ATTACKS[name][0](Gateway(port, key, http))

    asyncio.run(go())


if __name__ == "__main__":
    app()
