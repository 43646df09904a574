"""`make mesh`: the real models, two replicas each, behind the real Envoy; all ways to ask them."""

import json
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from benchmarks.running_envoy import http_client, native_channel
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1.vision_service_pb2_grpc import VisionServiceStub
from scripts.envoy_on_loopback import Places
from scripts.ports import free_ports
from tests.gateway.bulks import archive
from tests.mesh.conftest import SERVICES, started
from tests.mesh.images import ImageServer, portrait
from tests.seed import ANALYZED_OCR, COLORIZE, shape


@dataclass(frozen=True, slots=True)
class Told:
    """Addresses and key that `make mesh` prints.

    Attributes:
        places: of Envoy.
        key: the demo key.
        curl: the command to try.
    """

    places: Places
    key: str
    curl: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Start the mesh as `make mesh` does, and stop it with SIGTERM."""
    folder = tmp_path_factory.mktemp("replicas")
    public, native, nats = free_ports(3)
    settings = {"PORT": str(public), "NATIVE_PORT": str(native), "NATS_PORT": str(nats)}
    places = Places({"public": public, "native": native}, {}, folder / "tls")
    with started("-m", "scripts.run_replicas", folder=folder, settings=settings) as (_, printed):
        yield Told(places, (folder / "api-key").read_text().strip(), printed[-1])
    for name in SERVICES:
        logs = [(folder / f"{name}-{number}.log").read_text() for number in (1, 2)]
        assert all('"event": "server stopped"' in log for log in logs)


@pytest.fixture(scope="module")
async def public(told: Told) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that trusts Envoy and sends the demo key."""
    async with http_client(told.places) as http:
        http.headers["X-API-Key"] = told.key
        yield http


async def test_endpoint_answers_over_tls(
    public: aiohttp.ClientSession, images: ImageServer
) -> None:
    body = {"url": images.url("portrait.jpg")}

    async with public.post("/api/v1/colorize", json=body) as response:
        answer = await response.json()

    assert (response.status, shape(answer)) == (200, shape(json.loads(COLORIZE)))


async def test_bulk_job_is_uploaded_followed_and_read(public: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("endpoint", "nudity")
    form.add_field("archive", archive({f"{n}.jpg": portrait() for n in range(12)}), filename="a")

    async with public.post("/api/v1/bulk", data=form, expect100=True) as response:
        assert response.status == 202, await response.text()
        bulk = (await response.json())["result"]
    async with public.get(bulk["events"]) as response:
        events = (await response.text()).strip().split("\n\n")
    async with public.get(f"{bulk['url']}/output") as response:
        lines = [json.loads(line) async for line in response.content]

    assert json.loads(events[-1].removeprefix("data: "))["status"] == "succeeded"
    assert [(line["number"], line["status"]) for line in lines] == [(n, 200) for n in range(12)]


def test_command_that_it_tells_to_try_answers(told: Told) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")

    done = subprocess.run(shlex.split(told.curl), check=True, capture_output=True)

    assert shape(json.loads(done.stdout)) == shape(json.loads(ANALYZED_OCR))


@pytest.mark.parametrize("proof", ["key", "certificate"])
async def test_native_callers_get_what_rest_answers(
    told: Told,
    public: aiohttp.ClientSession,
    images: ImageServer,
    proof: str,
) -> None:
    metadata = [("x-api-key", told.key)] if proof == "key" else []
    certificate = None if proof == "key" else "caller"
    request = pb.ClassifyRequest(image=images.images["portrait.jpg"])
    async with native_channel(told.places, certificate=certificate) as channel:
        native: Any = await VisionServiceStub(channel).Classify(  # Any: it has no generic stub
            request, metadata=metadata, timeout=60
        )

    assert [label.tag for label in native.labels] == await tags(public, images)


async def tags(public: aiohttp.ClientSession, images: ImageServer) -> list[str]:
    """Return what REST finds in the portrait."""
    body = {"url": images.url("portrait.jpg")}
    async with public.post("/api/v1/classify", json=body) as response:
        return [label["tag"] for label in (await response.json())["result"]]
