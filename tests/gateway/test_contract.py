"""The examples of the seed's API reference, answered key by key as it prints them."""

import json
import re

import pytest

from tests.gateway.origin import image_answer, listening
from tests.gateway.running import Gateway
from tests.gateway.services import NO_FACE, NOT_ENGLISH
from tests.gateway.stage import Stage
from tests.seed import ANALYZED_OCR, CLASSIFY, COLORIZE, EMOTIONS, NUDITY, OCR, shape


# The seed's requests; its emotions example lacks the comma after the URL.
@pytest.mark.parametrize(
    ("endpoint", "request_json", "answer_json"),
    [
        ("ocr", '{ "url" : "URL", "lang" : "eng" }', OCR),
        ("analyzed-ocr", '{ "url" : "URL" }', ANALYZED_OCR),
        ("emotions", '{ "url" : "URL", "limit" : 5 }', EMOTIONS),
        ("classify", '{ "url" : "URL" }', CLASSIFY),
        ("nudity", '{ "url" : "URL" }', NUDITY),
    ],
)
async def test_example_of_the_seed_is_answered_as_the_seed_prints_it(
    gateway: Gateway, endpoint: str, request_json: str, answer_json: str
) -> None:
    async with listening(image_answer()) as origin:
        url = origin.url("/image.jpg")
        reply = await gateway.post(endpoint, request_json.replace("URL", url).encode())

    expected = json.loads(answer_json.replace("URL", url))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    # As text: the order of keys counts, and so does 1 against 1.0 against true.
    assert json.dumps(reply.json) == json.dumps(expected)


async def test_colorize_answers_one_url_of_a_hosted_image(gateway: Gateway) -> None:
    async with listening(image_answer()) as origin:
        reply = await gateway.post("colorize", {"url": origin.url("/example.jpg")})

    form = re.escape(gateway.url) + "/content/colorized/[0-9a-f]{32}-example.jpeg"
    assert shape(reply.json) == shape(json.loads(COLORIZE))
    assert re.fullmatch(form, reply.json["result"]["colorized"])


async def test_curl_without_a_content_type_is_answered(gateway: Gateway) -> None:
    """Curl calls what -d sends a form when nobody tells it otherwise, as the seed's readers do."""
    form = "application/x-www-form-urlencoded"
    async with listening(image_answer()) as origin:
        reply = await gateway.post("nudity", {"url": origin.url()}, Content_Type=form)

    assert reply.status == 200


async def test_language_is_english_unless_told(gateway: Gateway, stage: Stage) -> None:
    await gateway.look("ocr")
    default = stage.calls[-1].request.language
    await gateway.look("ocr", lang="deu")

    assert default == "eng"
    assert stage.calls[-1].request.language == "deu"


async def test_emotions_are_seven_unless_limited(gateway: Gateway) -> None:
    seven = await gateway.look("emotions")
    two = await gateway.look("emotions", limit=2)

    assert len(seven.json["result"][0]["emotions"]) == 7
    assert len(two.json["result"][0]["emotions"]) == 2


async def test_faces_are_boxes_as_emotions_has_them(gateway: Gateway) -> None:
    reply = await gateway.look("faces")

    box = {"top": 2, "bottom": 4, "left": 1, "right": 3}  # numbers of the fields
    assert reply.json == {"result": [{"faceCoordinates": [box]}]}


async def test_labels_are_five_unless_limited(gateway: Gateway) -> None:
    five = await gateway.look("classify")
    seven = await gateway.look("classify", limit=7)

    assert len(five.json["result"]) == 5
    assert len(seven.json["result"]) == 7


async def test_photo_without_a_face_has_an_empty_result(gateway: Gateway) -> None:
    reply = await gateway.look("emotions", NO_FACE)

    assert reply.json == {"result": []}


async def test_text_that_is_not_english_says_so(gateway: Gateway) -> None:
    reply = await gateway.look("analyzed-ocr", NOT_ENGLISH)

    result = reply.json["result"]
    assert result["notice"] == "the text looks like German (de); only English is analyzed"
    assert result["text"] == {
        "full_text": "Full version of the extracted text will appear here",
        "summary": "",
    }
    assert result["sentiment"] == {"result": "unknown", "confidence": 0.0}
    assert result["tags"] == ""


async def test_text_is_analyzed_without_an_image(gateway: Gateway) -> None:
    reply = await gateway.post("analyzed-text", {"text": "We sold more than ever."})

    assert reply.json == {
        "result": {
            "text": {
                "full_text": "We sold more than ever.",
                "summary": "Summary of text will appear here",
            },
            "sentiment": {"result": "positive", "confidence": 0.87191122770309},
            "tags": "Marketing, Business, Cover Letter",
        }
    }


async def test_languages_are_listed(gateway: Gateway) -> None:
    reply = await gateway.get("/api/v1/languages")

    assert reply.json["result"] == [
        {
            "code": "eng",
            "name": "English",
            "installed": True,
            "engine": "pp-ocrv6-small",
            "packages": [],
            "tag": "en",
            "script": "Latn",
            "route": "pp-ocr-lines",
            "error_rate": 0.0,
            "photo_error_rate": 0.25,
        },
        {
            "code": "tir",
            "name": "Tigrinya",
            "installed": False,
            "engine": "tesseract",
            "packages": ["tesseract-ocr-tir"],
            "tag": "ti",
            "script": "Ethi",
            "route": "tesseract-lines",
            "error_rate": 0.5,
            "photo_error_rate": 0.0,
        },
    ]
