"""The real Envoy on this machine, with the configuration of deploy/envoy."""

import asyncio
import os
import ssl
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import grpc

from benchmarks.processes import stopped_at_end
from scripts.envoy_on_loopback import Places, healthy_members, write_config

TIMEOUT_S = 60.0  # far beyond any answer; nothing may hang
READY_WITHIN_S = 300.0  # six processes that load their models on two busy cores

_ASK_EVERY_S = 0.1


@asynccontextmanager
async def running_envoy(
    places: Places, folder: Path, *, options: Sequence[str] = ()
) -> AsyncIterator[Process]:
    """Run Envoy; its log, `envoy.log` in `folder`, is whole when the context is left."""
    command = [*write_config(places, folder / "envoy.yaml"), *options]
    async with running(command, folder / "envoy.log") as process:
        await until_healthy(places, {})
        yield process


async def until_healthy(places: Places, wanted: Mapping[str, int]) -> None:
    """Wait until Envoy would send requests to so many replicas of each of these clusters."""
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            found = await healthy_members(places)
            if found and wanted.items() <= found.items():
                return
            await asyncio.sleep(_ASK_EVERY_S)


def http_client(places: Places) -> aiohttp.ClientSession:
    """Return a client of the public port that trusts the certificates; the caller closes it."""
    trust = ssl.create_default_context(cafile=str(places.tls / "ca.crt"))
    return aiohttp.ClientSession(
        places.url("public"),
        connector=aiohttp.TCPConnector(limit=0, ssl=trust),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
    )


def native_channel(places: Places, *, certificate: str | None = None) -> grpc.aio.Channel:
    """Return a channel to the port for gRPC, with a caller's certificate where one is named.

    What fails is not sent again from here: that is for Envoy to do.
    """
    files = ("ca.crt",) if certificate is None else ("ca.crt", *_files(certificate))
    credentials = grpc.ssl_channel_credentials(*((places.tls / one).read_bytes() for one in files))
    address = places.url("native").removeprefix("https://")
    return grpc.aio.secure_channel(address, credentials, options=(("grpc.enable_retries", 0),))


def _files(certificate: str) -> tuple[str, str]:
    return f"{certificate}.key", f"{certificate}.crt"


@asynccontextmanager
async def running(
    command: Sequence[str], log: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run a process and stop it; what it writes goes to `log`."""
    process = await start(command, log, settings)
    async with stopped_at_end(process):
        yield process


async def start(
    command: Sequence[str], log: Path, settings: Mapping[str, str] | None = None
) -> Process:
    """Start a process with these variables alone; what it writes goes to `log`."""
    with log.open("ab") as out:
        environment = {"PATH": os.defpath, **(settings or {})}
        return await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=out, stderr=out
        )
