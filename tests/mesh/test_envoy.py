"""The real models behind the real Envoy: every endpoint, over REST and over gRPC."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest

from benchmarks.running_envoy import (
    http_client,
    native_channel,
    running_envoy,
    until_healthy,
)
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1.vision_service_pb2_grpc import VisionServiceStub
from scripts.envoy_on_loopback import Places, new_places
from tests.mesh.conftest import RunningMesh
from tests.mesh.pictures import PictureServer
from tests.seed import ANALYZED_OCR, CLASSIFY, COLORIZE, EMOTIONS, NUDITY, OCR, shape


@pytest.fixture(scope="module")
async def places(
    mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Places]:
    """Run Envoy before the mesh."""
    folder = tmp_path_factory.mktemp("envoy")
    gateway = int(mesh.url.rpartition(":")[2])
    services = {name: [port] for name, port in mesh.ports.items()}
    found = new_places(folder, {**services, "gateway": [gateway], "authz": [mesh.authz_port]})
    async with running_envoy(found, folder):
        await until_healthy(found, dict.fromkeys((*services, "gateway"), 1))
        yield found


@pytest.fixture(scope="module")
async def public(mesh: RunningMesh, places: Places) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that trusts Envoy and sends the demo key."""
    async with http_client(places) as http:
        http.headers["X-API-Key"] = mesh.key
        yield http


@pytest.mark.parametrize(
    ("endpoint", "picture", "example"),
    [
        ("colorize", "portrait.jpg", COLORIZE),
        ("ocr", "letter.png", OCR),
        ("analyzed-ocr", "letter.png", ANALYZED_OCR),
        ("emotions", "portrait.jpg", EMOTIONS),
        ("classify", "portrait.jpg", CLASSIFY),
        ("nudity", "portrait.jpg", NUDITY),
    ],
)
async def test_endpoint_answers_over_tls(
    public: aiohttp.ClientSession,
    pictures: PictureServer,
    endpoint: str,
    picture: str,
    example: str,
) -> None:
    body = {"url": pictures.url(picture), **({"limit": 5} if endpoint == "emotions" else {})}

    async with public.post(f"/api/v1/{endpoint}", json=body) as response:
        answer = await response.json()

    assert (response.status, shape(answer)) == (200, shape(json.loads(example)))


@pytest.mark.parametrize("proof", ["key", "certificate"])
async def test_native_callers_get_what_rest_answers(
    mesh: RunningMesh,
    public: aiohttp.ClientSession,
    places: Places,
    pictures: PictureServer,
    proof: str,
) -> None:
    metadata = (("x-api-key", mesh.key),) if proof == "key" else ()
    certificate = None if proof == "key" else "caller"
    request = pb.ClassifyRequest(image=pictures.pictures["portrait.jpg"])
    async with native_channel(places, certificate=certificate) as channel:
        native: Any = await VisionServiceStub(channel).Classify(  # Any: it has no generic stub
            request, metadata=metadata, timeout=60
        )
    body = {"url": pictures.url("portrait.jpg")}
    async with public.post("/api/v1/classify", json=body) as response:
        answer = (await response.json())["result"]

    assert [label["tag"] for label in answer] == [label.tag for label in native.labels]


async def test_nobody_without_proof_is_answered(places: Places) -> None:
    async with native_channel(places) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await VisionServiceStub(channel).Classify(pb.ClassifyRequest(), timeout=10)

    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
