"""One image gets one answer, in whatever form it is sent, and so do the documented examples."""

from pathlib import Path
from typing import Any

import pytest

from gateway.openapi.document import openapi_document
from gateway.settings import GatewaySettings
from tests.gateway.running import Gateway
from tests.gateway.uploads import FORMS, send_in
from tests.mesh.conftest import RunningMesh
from tests.mesh.images import letter, portrait

IMAGES = {
    "colorize": portrait(),
    "ocr": letter(),
    "analyzed-ocr": letter(),
    "emotions": portrait(),
    "classify": portrait(),
    "nudity": portrait(),
}
README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
async def gateway(mesh: RunningMesh, rest: Any) -> Gateway:
    """Return the real mesh, as the helpers of the gateway's tests know one."""
    return Gateway(mesh.url, mesh.key, GatewaySettings(), rest)


async def what_it_says(gateway: Gateway, status: int, answer: Any) -> object:
    """Return an answer without what may differ: the image's own URL and a result's name."""
    assert status == 200, answer
    result = answer["result"]
    if isinstance(result, dict) and "colorized" in result:
        path = result["colorized"].removeprefix(gateway.url)
        return (await gateway.send("GET", path)).body
    return {**result, "url": None} if isinstance(result, dict) else result


@pytest.mark.parametrize("endpoint", IMAGES)
async def test_every_form_gets_the_same_answer(gateway: Gateway, endpoint: str) -> None:
    said = {}
    for form in FORMS:
        status, answer = await send_in(gateway, form, endpoint, IMAGES[endpoint])
        said[form] = await what_it_says(gateway, status, answer)

    assert said["url"]
    assert all(answer == said["url"] for answer in said.values()), said


@pytest.mark.parametrize("endpoint", IMAGES)
async def test_documented_image_is_answered(gateway: Gateway, endpoint: str) -> None:
    operation = openapi_document()["paths"][f"/api/v1/{endpoint}"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = openapi_document()["components"]["schemas"][reference.rpartition("/")[2]]
    (image,) = schema["properties"]["image"]["examples"]

    reply = await gateway.post(endpoint, {"image": image})

    assert reply.status == 200, reply.body
