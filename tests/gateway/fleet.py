"""Several gateways on one database, each a real process."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_ENOUGH_S = 60  # far beyond the start of a few Pythons
_ASK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Member:
    """A gateway of the fleet."""

    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def fleet(
    count: int, folder: Path, *, database: str, settings: Mapping[str, str]
) -> AsyncIterator[list[Member]]:
    """Run `count` gateways that answer when yielded; what is left of them is killed at the end."""
    given = {f"GATEWAY_{name.upper()}": value for name, value in settings.items()}
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "GATEWAY_DATABASE_URL": database,
        "GATEWAY_RESULTS_DIR": str(folder / "results"),
        **given,
    }
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(_member(environment)) for _ in range(count)]
        async with asyncio.timeout(_ENOUGH_S):
            await asyncio.gather(*(answers(member.url, member.process) for member in members))
        yield members


@asynccontextmanager
async def _member(environment: dict[str, str]) -> AsyncIterator[Member]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway"),
        env={**environment, "GATEWAY_PORT": str(port), "GATEWAY_LOG_LEVEL": "error"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Member(f"http://127.0.0.1:{port}", process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until a gateway answers, or has ended and never will."""
    async with aiohttp.ClientSession() as http:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with http.get(f"{url}/healthz"):
                    return
            with suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), _ASK_EVERY_S)
                raise RuntimeError(f"the gateway ended with {code}")
