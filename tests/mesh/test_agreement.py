"""Real answers over REST are those of gRPC, for every RPC, in the shape of the seed's examples."""

import json
from typing import Any

import aiohttp
import grpc
import pytest

from gateway.openapi.document import openapi_document
from imagemesh.colorize.v1 import colorize_service_pb2 as colorize
from imagemesh.colorize.v1.colorize_service_pb2_grpc import ColorizeServiceStub
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub
from imagemesh.vision.v1 import vision_service_pb2 as vision
from imagemesh.vision.v1.vision_service_pb2_grpc import VisionServiceStub
from tests.mesh.images import LETTER, ImageServer
from tests.seed import ANALYZED_OCR, CLASSIFY, COLORIZE, EMOTIONS, NUDITY, OCR, shape

Channels = dict[str, grpc.aio.Channel]
Json = Any  # Any: JSON of every shape


EXAMPLES = {
    "colorize": COLORIZE,
    "ocr": OCR,
    "analyzed-ocr": ANALYZED_OCR,
    "emotions": EMOTIONS,
    "classify": CLASSIFY,
    "nudity": NUDITY,
}


async def post(rest: aiohttp.ClientSession, endpoint: str, **body: Json) -> Json:
    """Return an answer with its details; without them it has the shape of the example."""
    async with rest.post(f"/api/v1/{endpoint}", json={**body, "details": True}) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    if endpoint in EXAMPLES:
        assert shape({"result": answer["result"]}) == shape(json.loads(EXAMPLES[endpoint]))
    return answer


def details_of(response: Json) -> Json:
    model = response.model
    fields = ("name", "version", "device", "provider")
    return {name: getattr(model, name) for name in fields}


async def test_colorize(
    rest: aiohttp.ClientSession, channels: Channels, images: ImageServer
) -> None:
    native = await ColorizeServiceStub(channels["colorize"]).Colorize(
        colorize.ColorizeRequest(image=images.images["portrait.jpg"])
    )
    answer = await post(rest, "colorize", url=images.url("portrait.jpg"))
    async with rest.get(answer["result"]["colorized"]) as response:
        hosted = await response.read()

    assert answer["result"]["colorized"].endswith("-portrait.jpeg")
    assert hosted == native.image
    assert response.content_type == native.media_type == "image/jpeg"
    assert answer["details"]["already_colored"] is native.already_colored is False
    assert answer["details"]["model"] == details_of(native)


async def test_ocr(rest: aiohttp.ClientSession, channels: Channels, images: ImageServer) -> None:
    native = await OcrServiceStub(channels["ocr"]).Recognize(
        ocr.RecognizeRequest(image=images.images["letter.png"], language="eng")
    )
    answer = await post(rest, "ocr", url=images.url("letter.png"), lang="eng")

    assert answer["result"]["text"] == native.text == LETTER
    assert [line["text"] for line in answer["details"]["lines"]] == LETTER.splitlines()
    assert answer["details"]["confidence"] == pytest.approx(native.confidence)
    assert answer["details"]["model"] == details_of(native)
    assert answer["details"]["route"] == native.route


async def test_analyzed_ocr(
    rest: aiohttp.ClientSession, channels: Channels, images: ImageServer
) -> None:
    native = await OcrServiceStub(channels["ocr"]).Analyze(
        ocr.AnalyzeRequest(image=images.images["letter.png"])
    )
    answer = await post(rest, "analyzed-ocr", url=images.url("letter.png"))

    result = answer["result"]
    assert result["text"] == {"full_text": native.text, "summary": native.analysis.summary}
    assert result["sentiment"]["result"] == "positive"
    assert result["sentiment"]["confidence"] == pytest.approx(native.analysis.sentiment.confidence)
    assert result["tags"] == ", ".join(native.analysis.tags)
    assert answer["details"]["model"] == details_of(native)


async def test_analyzed_text(rest: aiohttp.ClientSession, channels: Channels) -> None:
    native = await OcrServiceStub(channels["ocr"]).AnalyzeText(ocr.AnalyzeTextRequest(text=LETTER))
    answer = await post(rest, "analyzed-text", text=LETTER)

    assert answer["result"]["text"]["summary"] == native.analysis.summary
    assert answer["result"]["tags"] == ", ".join(native.analysis.tags)
    assert answer["details"]["model"] == details_of(native)


async def test_languages(rest: aiohttp.ClientSession, channels: Channels) -> None:
    native = await OcrServiceStub(channels["ocr"]).ListLanguages(ocr.ListLanguagesRequest())
    async with rest.get("/api/v1/languages") as response:
        answer = await response.json()

    assert len(answer["result"]) == len(native.languages) == 102
    assert answer["result"] == [
        {
            "code": language.code,
            "name": language.name,
            "installed": language.installed,
            "engine": language.engine,
            "packages": list(language.packages),
            "tag": language.tag,
            "script": language.script,
            "route": language.route,
            "error_rate": language.error_rate,
            "photo_error_rate": language.photo_error_rate,
        }
        for language in native.languages
    ]


async def test_emotions(
    rest: aiohttp.ClientSession, channels: Channels, images: ImageServer
) -> None:
    native = await VisionServiceStub(channels["vision"]).DetectEmotions(
        vision.DetectEmotionsRequest(image=images.images["portrait.jpg"], limit=5)
    )
    answer = await post(rest, "emotions", url=images.url("portrait.jpg"), limit=5)

    assert answer["result"] == [
        {
            "faceCoordinates": [
                {
                    "top": face.box.top,
                    "bottom": face.box.bottom,
                    "left": face.box.left,
                    "right": face.box.right,
                }
            ],
            "emotions": [
                {"emotion": emotion.name, "confidence": pytest.approx(emotion.confidence)}
                for emotion in face.emotions
            ],
        }
        for face in native.faces
    ]
    assert answer["details"]["model"] == details_of(native)


async def test_no_face_is_an_empty_list(rest: aiohttp.ClientSession, images: ImageServer) -> None:
    async with rest.post("/api/v1/emotions", json={"url": images.url("letter.png")}) as response:
        assert await response.json() == {"result": []}


async def test_classify(
    rest: aiohttp.ClientSession, channels: Channels, images: ImageServer
) -> None:
    native = await VisionServiceStub(channels["vision"]).Classify(
        vision.ClassifyRequest(image=images.images["portrait.jpg"])
    )
    answer = await post(rest, "classify", url=images.url("portrait.jpg"))

    assert len(native.labels) == 5
    assert sorted(native.labels, key=lambda label: -label.confidence) == list(native.labels)
    assert answer["result"] == [
        {"tag": label.tag, "confidence": pytest.approx(label.confidence)} for label in native.labels
    ]
    assert answer["details"]["model"] == details_of(native)


async def test_nudity(rest: aiohttp.ClientSession, channels: Channels, images: ImageServer) -> None:
    native = await VisionServiceStub(channels["vision"]).DetectNudity(
        vision.DetectNudityRequest(image=images.images["portrait.jpg"])
    )
    url = images.url("portrait.jpg")
    answer = await post(rest, "nudity", url=url)

    assert answer["result"]["url"] == url
    assert answer["result"]["isNude"] is native.is_nude is False
    assert answer["result"]["confidence"] == pytest.approx(native.confidence)
    assert answer["details"]["model"] == details_of(native)


@pytest.mark.parametrize("endpoint", EXAMPLES)
async def test_documented_image_is_answered(rest: aiohttp.ClientSession, endpoint: str) -> None:
    operation = openapi_document()["paths"][f"/api/v1/{endpoint}"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = openapi_document()["components"]["schemas"][reference.rpartition("/")[2]]
    (image,) = schema["properties"]["image"]["examples"]

    async with rest.post(f"/api/v1/{endpoint}", json={"image": image}) as response:
        assert response.status == 200, await response.text()
