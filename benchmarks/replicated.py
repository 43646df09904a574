"""A mesh behind the real Envoy and the real gateway, whose replicas can be ended."""

import io
import secrets
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from PIL import Image, ImageDraw, ImageFont

from benchmarks.replica import ANSWERS, text_of
from benchmarks.running_envoy import (
    TIMEOUT_S,
    http_client,
    native_channel,
    running,
    running_envoy,
    start,
    until_healthy,
)
from benchmarks.second_host import SecondHost
from gateway.accounts.keys import KeyStore
from gateway.database.engine import open_database
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeRequest
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeRequest
from imagemesh.vision.v1.vision_service_pb2 import ClassifyRequest
from scripts.envoy_on_loopback import Places, new_places
from scripts.ports import free_ports

_ENDPOINTS = {"colorize": "colorize", "ocr": "ocr", "vision": "classify"}
_REQUESTS = {"colorize": ColorizeRequest, "ocr": RecognizeRequest, "vision": ClassifyRequest}
_PICTURE = b"\xff\xd8\xff" + bytes(100_000)  # no stand-in decodes it
_WORDS = ("afternoon", "bakery", "campaign", "garden", "teacher", "window")

Speeds = Mapping[str, Sequence[float]]
"""For each service the seconds that a request takes on each of its replicas."""


@dataclass(slots=True)
class ReplicatedMesh:
    """What runs.

    Attributes:
        places: where.
        key: an API key.
        speeds: of the replicas.
        folder: of the logs and the certificates.
        http: a client that trusts the certificates.
        channel: to Envoy's port for gRPC.
        second: a host of its own for all replicas but the first; None is this one.
        has_models: whether the real services run; else stand-ins that take `speeds`.
    """

    places: Places
    key: str
    speeds: Speeds
    folder: Path
    http: aiohttp.ClientSession
    channel: grpc.aio.Channel
    second: SecondHost | None = None
    has_models: bool = False
    _replicas: dict[tuple[str, int], Process] = field(default_factory=dict)

    async def ask(self, service: str) -> int:
        """Return the HTTP status of one request to an endpoint of the service, 0 for none.

        Raises:
            ValueError: the answer is that to another request.
        """
        picture, text = self._question()
        form = aiohttp.FormData()
        form.add_field("image", picture, filename="photo")
        headers = {"X-API-Key": self.key}
        try:
            async with self.http.post(
                f"/api/v1/{_ENDPOINTS[service]}", data=form, headers=headers
            ) as response:
                answer = await response.read()
                if response.ok:
                    _check(service, answer, text)
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def call(self, service: str) -> int:
        """Return 200 for an RPC to the service that is answered, and 0 for one that is not.

        Raises:
            ValueError: as above.
        """
        picture, text = self._question()
        path, _ = ANSWERS[service]
        ask: Any = self.channel.unary_unary(path)  # Any: bytes in, bytes out
        request = _REQUESTS[service](image=picture).SerializeToString()
        try:
            answer = await ask(request, metadata=(("x-api-key", self.key),), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return 0
        _check(service, answer, text)
        return int(HTTPStatus.OK)

    def _question(self) -> tuple[bytes, str]:
        """Return a picture and the text that is read in it."""
        if self.has_models:
            word = secrets.choice(_WORDS)
            return _drawn(word), word
        picture = _PICTURE + secrets.token_bytes()
        return picture, text_of(picture)

    async def start(self, service: str, number: int) -> None:
        """Start a replica; it need not answer yet."""
        port = self.places.upstreams[service][number]
        enter = self.second.enter if self.second and port in self.places.hosts else ()
        host, _, _ = self.places.upstream(port).rpartition(":")
        log = self.log(service, number)
        if self.has_models:
            told = {"HOST": host, "PORT": str(port), "METRICS_PORT": "0"}
            settings = {f"{service.upper()}_{name}": value for name, value in told.items()}
            command: tuple[str, ...] = (service,)
        else:
            settings = {}
            seconds = self.speeds[service][number]
            command = ("benchmarks.replica", service, f"{host}:{port}", str(seconds))
        self._replicas[service, number] = await start(
            (*enter, sys.executable, "-m", *command), log, settings
        )

    async def end(self, service: str, number: int, signal_number: signal.Signals) -> None:
        """Send a replica a signal and wait for its end."""
        process = self._replicas.pop((service, number))
        process.send_signal(signal_number)
        await process.wait()

    async def end_all(self) -> None:
        """Kill what still runs."""
        for service, number in list(self._replicas):
            await self.end(service, number, signal.SIGKILL)

    def log(self, service: str, number: int) -> Path:
        """Return the log of a replica."""
        return self.folder / f"{service}-{number}.log"


def _drawn(word: str) -> bytes:
    """Return a small grey picture of a word."""
    picture = Image.new("L", (200, 64), 255)
    ImageDraw.Draw(picture).text((16, 16), word, fill=0, font=ImageFont.load_default(size=28))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _check(service: str, answer: bytes, text: str) -> None:
    if service == "ocr" and text.encode() not in answer:
        raise ValueError("the answer is that to another request")


@asynccontextmanager
async def replicated_mesh(
    folder: Path,
    speeds: Speeds,
    *,
    started: Mapping[str, int] | None = None,
    second: SecondHost | None = None,
    has_models: bool = False,
) -> AsyncIterator[ReplicatedMesh]:
    """Run a mesh, ready when yielded.

    Args:
        folder: of the logs and the certificates.
        speeds: of the replicas that Envoy knows.
        started: how many of these run at first; all where nothing is said.
        second: a host of its own for all replicas but the first of each service.
        has_models: whether the real services run in the place of stand-ins.
    """
    ports = free_ports(2 + sum(map(len, speeds.values())))
    upstreams = {name: [ports.pop() for _ in seconds] for name, seconds in speeds.items()}
    gateway_port, authz_port = ports
    away = [port for ports_of_one in upstreams.values() for port in ports_of_one[1:]]
    places = new_places(
        folder,
        {**upstreams, "gateway": [gateway_port], "authz": [authz_port]},
        hosts=dict.fromkeys(away, second.address) if second else None,
    )
    key, settings = await _gateway_settings(folder, places)
    counts = {name: len(seconds) for name, seconds in speeds.items()} | dict(started or {})
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(http_client(places))
        channel = await stack.enter_async_context(native_channel(places))
        mesh = ReplicatedMesh(places, key, speeds, folder, http, channel, second, has_models)
        stack.push_async_callback(mesh.end_all)
        for service, count in counts.items():
            for number in range(count):
                await mesh.start(service, number)
        command = (sys.executable, "-m", "gateway")
        await stack.enter_async_context(running(command, folder / "gateway.log", settings))
        await stack.enter_async_context(running_envoy(places, folder))
        await until_healthy(places, {**counts, "gateway": 1})
        yield mesh


async def _gateway_settings(folder: Path, places: Places) -> tuple[str, dict[str, str]]:
    """Return a key of the gateway and its environment."""
    url = f"sqlite+aiosqlite:///{folder / 'gateway.db'}"
    engine = await open_database(url)
    key = await KeyStore(engine).create("load")
    await engine.dispose()
    addresses = places.mesh_addresses()
    return key, {
        "GATEWAY_PORT": str(places.upstreams["gateway"][0]),
        "GATEWAY_AUTHZ_PORT": str(places.upstreams["authz"][0]),
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_RESULTS_DIR": str(folder / "results"),
        **{f"GATEWAY_{name.upper()}_ADDRESS": address for name, address in addresses.items()},
    }
