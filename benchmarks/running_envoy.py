"""The real Envoy on this machine, with the configuration of deploy/envoy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import grpc

from benchmarks.processes import bare_environment, running
from scripts.envoy_on_loopback import Places, healthy_members, write_config

TIMEOUT_S = 60.0  # far beyond any answer; nothing may hang
READY_WITHIN_S = 300.0  # six processes that load their models on two busy cores

_ASK_EVERY_S = 0.1


@asynccontextmanager
async def running_envoy(
    places: Places, folder: Path, *, options: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Run Envoy; its log, `envoy.log` in `folder`, is whole when the context is left."""
    command = [*write_config(places, folder / "envoy.yaml"), *options]
    async with running(command, bare_environment(), log=folder / "envoy.log"):
        await until_healthy(places, {})
        yield


async def until_healthy(places: Places, wanted: Mapping[str, int]) -> None:
    """Wait until Envoy routes requests to so many replicas of each of these clusters."""
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
    """Return a channel to the gRPC port that retries nothing, with a caller's certificate if named.

    Retries are for Envoy to make.
    """
    own = () if certificate is None else (f"{certificate}.key", f"{certificate}.crt")
    files = ((places.tls / name).read_bytes() for name in ("ca.crt", *own))
    credentials = grpc.ssl_channel_credentials(*files)
    address = places.url("native").removeprefix("https://")
    return grpc.aio.secure_channel(address, credentials, options=(("grpc.enable_retries", 0),))
