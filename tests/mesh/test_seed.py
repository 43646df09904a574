"""Real answers have the shape of the seed's examples: same keys, casing, nesting and types."""

import json
from typing import Any

import aiohttp
import pytest

from tests.mesh.images import LETTER, ImageServer
from tests.seed import ANALYZED_OCR, CLASSIFY, COLORIZE, EMOTIONS, NUDITY, OCR, shape

Json = Any  # Any: JSON of every shape


async def post(rest: aiohttp.ClientSession, endpoint: str, **body: Json) -> Json:
    async with rest.post(f"/api/v1/{endpoint}", json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@pytest.mark.parametrize(
    ("endpoint", "image", "example"),
    [
        ("colorize", "portrait.jpg", COLORIZE),
        ("ocr", "letter.png", OCR),
        ("analyzed-ocr", "letter.png", ANALYZED_OCR),
        ("emotions", "portrait.jpg", EMOTIONS),
        ("classify", "portrait.jpg", CLASSIFY),
        ("nudity", "portrait.jpg", NUDITY),
    ],
)
async def test_answer_has_the_shape_of_the_example(
    rest: aiohttp.ClientSession, images: ImageServer, endpoint: str, image: str, example: str
) -> None:
    limit = {"limit": 5} if endpoint == "emotions" else {}

    answer = await post(rest, endpoint, url=images.url(image), **limit)

    assert shape(answer) == shape(json.loads(example))
    if endpoint == "emotions":
        assert len(answer["result"][0]["emotions"]) == 5
    if endpoint == "colorize":
        assert answer["result"]["colorized"].endswith("-portrait.jpeg")


async def test_no_face_is_an_empty_list(rest: aiohttp.ClientSession, images: ImageServer) -> None:
    assert await post(rest, "emotions", url=images.url("letter.png")) == {"result": []}


async def test_values_are_those_of_the_image(
    rest: aiohttp.ClientSession, images: ImageServer
) -> None:
    url = images.url("letter.png")

    read = await post(rest, "ocr", url=url)
    labels = (await post(rest, "classify", url=images.url("portrait.jpg")))["result"]
    judged = (await post(rest, "nudity", url=url))["result"]

    assert read["result"] == {"url": url, "text": LETTER}
    assert len(labels) == 5
    assert [label["confidence"] for label in labels] == sorted(
        (label["confidence"] for label in labels), reverse=True
    )
    assert judged["isNude"] is False
    assert judged["confidence"] < 0.8
