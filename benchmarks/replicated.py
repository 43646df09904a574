"""A mesh behind the real Envoy and the real gateway, whose replicas can be ended."""

import secrets
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from benchmarks.gateways import gateway_settings, make_keys
from benchmarks.images import draw_plain_word
from benchmarks.processes import bare_environment, python, running, start
from benchmarks.replica import ANSWERS, text_of
from benchmarks.running_envoy import (
    TIMEOUT_S,
    http_client,
    native_channel,
    running_envoy,
    until_healthy,
)
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeRequest
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeRequest
from imagemesh.vision.v1.vision_service_pb2 import ClassifyRequest
from scripts.envoy_on_loopback import Places, new_places
from scripts.ports import free_ports
from tests.mesh.second_host import SecondHost

_ENDPOINTS = {"colorize": "colorize", "ocr": "ocr", "vision": "classify"}
_REQUESTS = {"colorize": ColorizeRequest, "ocr": RecognizeRequest, "vision": ClassifyRequest}
_IMAGE = b"\xff\xd8\xff" + bytes(100_000)  # no replica decodes it
_WORDS = ("afternoon", "bakery", "campaign", "garden", "teacher", "window")

Speeds = Mapping[str, Sequence[float]]
"""For each service the seconds that a request takes on each of its replicas."""


@dataclass(slots=True)
class ReplicatedMesh:
    """Envoy, gateway and replicas of every service, with their ports, clients and an API key."""

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
            ValueError: The answer is another request's.
        """
        image, text = self._make_image()
        form = aiohttp.FormData()
        form.add_field("image", image, filename="photo")
        path, headers = f"/api/v1/{_ENDPOINTS[service]}", {"X-API-Key": self.key}
        try:
            async with self.http.post(path, data=form, headers=headers) as response:
                answer = await response.read()
                if response.ok:
                    _check(service, answer, text)
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def call(self, service: str) -> int:
        """Return 200 for an RPC to the service that is answered, else 0.

        Raises:
            ValueError: As above.
        """
        image, text = self._make_image()
        path, _ = ANSWERS[service]
        ask: Any = self.channel.unary_unary(path)  # Any: bytes in, bytes out
        request = _REQUESTS[service](image=image).SerializeToString()
        try:
            answer = await ask(request, metadata=(("x-api-key", self.key),), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return 0
        _check(service, answer, text)
        return int(HTTPStatus.OK)

    def _make_image(self) -> tuple[bytes, str]:
        """Return an image and its text."""
        if self.has_models:
            word = secrets.choice(_WORDS)
            return draw_plain_word(word), word
        image = _IMAGE + secrets.token_bytes()
        return image, text_of(image)

    async def start(self, service: str, number: int) -> None:
        """Start a replica; it need not answer yet."""
        port = self.places.upstreams[service][number]
        enter = self.second.enter if self.second and port in self.places.hosts else ()
        host, _, _ = self.places.upstream(port).rpartition(":")
        environment = bare_environment()
        if self.has_models:
            told = {"HOST": host, "PORT": str(port), "METRICS_PORT": "0"}
            environment |= {f"{service.upper()}_{name}": value for name, value in told.items()}
            command = python(service)
        else:
            seconds = self.speeds[service][number]
            command = python("benchmarks.replica", service, f"{host}:{port}", seconds)
        log = self.log(service, number)
        self._replicas[service, number] = await start([*enter, *command], environment, log=log)

    async def end(self, service: str, number: int, signal_number: signal.Signals) -> None:
        """Send a replica a signal and wait for its end."""
        process = self._replicas.pop((service, number))
        process.send_signal(signal_number)
        await process.wait()

    async def end_all(self) -> None:
        """Kill the replicas that still run."""
        for service, number in list(self._replicas):
            await self.end(service, number, signal.SIGKILL)

    def log(self, service: str, number: int) -> Path:
        """Return the log of a replica."""
        return self.folder / f"{service}-{number}.log"


def _check(service: str, answer: bytes, text: str) -> None:
    if service == "ocr" and text.encode() not in answer:
        raise ValueError("the answer is another request's")


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
        folder: Folder of logs and certificates.
        speeds: Replicas that Envoy knows.
        started: Number of those that run at first; all unless told.
        second: Host of all replicas but the first of each service; None is this one.
        has_models: Whether the real services run in place of replicas that only wait.
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
    (key,) = await make_keys(folder, "load")
    environment = {
        **bare_environment(),
        **gateway_settings(folder, gateway_port, places.mesh_addresses()),
        "GATEWAY_AUTHZ_PORT": str(authz_port),
        "GATEWAY_RATE_LIMIT": "",
    }
    counts = {name: len(seconds) for name, seconds in speeds.items()} | dict(started or {})
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(http_client(places))
        channel = await stack.enter_async_context(native_channel(places))
        mesh = ReplicatedMesh(places, key, speeds, folder, http, channel, second, has_models)
        stack.push_async_callback(mesh.end_all)
        for service, count in counts.items():
            for number in range(count):
                await mesh.start(service, number)
        gateway = running(python("gateway"), environment, log=folder / "gateway.log")
        await stack.enter_async_context(gateway)
        await stack.enter_async_context(running_envoy(places, folder))
        await until_healthy(places, {**counts, "gateway": 1})
        yield mesh
