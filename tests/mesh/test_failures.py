"""A dead service takes only its own endpoints along, and they come back with it."""

import asyncio
import os
import signal

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.mesh.conftest import RunningMesh
from tests.mesh.images import ImageServer

NAMES = {
    "colorize": "imagemesh.colorize.v1.ColorizeService",
    "ocr": "imagemesh.ocr.v1.OcrService",
    "vision": "imagemesh.vision.v1.VisionService",
}
ENDPOINTS = {
    "colorize": ["colorize"],
    "ocr": ["ocr", "analyzed-ocr"],
    "vision": ["emotions", "classify", "nudity"],
}
Channels = dict[str, grpc.aio.Channel]


@pytest.mark.parametrize("name", NAMES)
async def test_health_and_reflection_answer(channels: Channels, name: str) -> None:
    health = health_pb2_grpc.HealthStub(channels[name])
    reflection = reflection_pb2_grpc.ServerReflectionStub(channels[name])  # type: ignore[arg-type]  # its stubs know only the synchronous channel

    check = health.Check(health_pb2.HealthCheckRequest(service=NAMES[name]))  # type: ignore[attr-defined]  # its stubs know no methods
    listing = reflection.ServerReflectionInfo(  # type: ignore[operator]  # its stubs know no types
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )

    assert (await check).status == health_pb2.HealthCheckResponse.SERVING
    names = [
        entry.name async for answer in listing for entry in answer.list_services_response.service
    ]
    assert NAMES[name] in names


async def test_killed_service_turns_only_its_endpoints_into_503(
    mesh: RunningMesh,
    rest: aiohttp.ClientSession,
    channels: Channels,
    images: ImageServer,
) -> None:
    killed = "vision"
    url = images.url("portrait.jpg")
    os.kill(mesh.process_id(killed), signal.SIGKILL)

    statuses = {
        endpoint: await status(rest, endpoint, url)
        for endpoints in ENDPOINTS.values()
        for endpoint in endpoints
    }
    await back(channels[killed], NAMES[killed])
    await seen_by_gateway(rest)
    later = [await status(rest, endpoint, url) for endpoint in ENDPOINTS[killed]]

    assert {name for name, code in statuses.items() if code == 503} == set(ENDPOINTS[killed])
    assert {code for code in statuses.values() if code != 503} <= {200}
    assert set(later) == {200}


async def status(rest: aiohttp.ClientSession, endpoint: str, url: str) -> int:
    async with rest.post(f"/api/v1/{endpoint}", json={"url": url}) as response:
        if response.status == 503:
            assert (await response.json())["error"]["code"] == "unavailable"
        return response.status


async def back(channel: grpc.aio.Channel, name: str) -> None:
    """Wait until the service that the runner started again is serving."""
    health = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=name), wait_for_ready=True)  # type: ignore[attr-defined]  # its stubs know no methods
    async with asyncio.timeout(120):
        async for answer in watch:
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                watch.cancel()
                return


async def seen_by_gateway(rest: aiohttp.ClientSession) -> None:
    """Wait until the gateway has connected again, which it tries once a second."""
    services: dict[str, str] = {}
    async with asyncio.timeout(10):
        while set(services.values()) != {"SERVING"}:
            async with rest.get("/readyz") as response:
                services = (await response.json())["services"]
