"""The forms of a request: exactly one image in any of them, the same answer from each."""

import math
from typing import Any

import aiohttp
import pytest

from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway
from tests.gateway.stage import Stage
from tests.gateway.uploads import FORMS, base64, form_of, send_in, upload

MIB = 2**20
IMAGES = ["colorize", "ocr", "analyzed-ocr", "emotions", "classify", "nudity"]
# What each endpoint is asked besides.
FIELDS: dict[str, dict[str, object]] = {
    "ocr": {"lang": "deu", "min_confidence": 0.5},
    "emotions": {"limit": 3, "min_confidence": 0.1},
    "classify": {"limit": 2},
}


def without_url(answer: Any) -> Any:  # Any: JSON
    """Leave out what differs: the echoed URL, the random name and the id of an error."""
    if isinstance(answer, dict):
        left_out = {"url", "colorized", "request_id"}
        return {k: without_url(v) for k, v in answer.items() if k not in left_out}
    return answer


@pytest.mark.parametrize("endpoint", IMAGES)
async def test_every_form_is_answered_the_same(
    gateway: Gateway, stage: Stage, endpoint: str
) -> None:
    """So is gRPC: every form asks the service with one and the same message."""
    stage.calls.clear()
    fields = {"details": True, **FIELDS.get(endpoint, {})}

    answers = [await send_in(gateway, form, endpoint, IMAGE, **fields) for form in FORMS]

    assert answers[0][0] == 200
    assert [without_url(body) for _, body in answers] == [without_url(answers[0][1])] * len(FORMS)
    assert [call.request for call in stage.calls] == [stage.calls[0].request] * len(FORMS)
    assert stage.calls[0].request.image == IMAGE


@pytest.mark.parametrize("word", [b"unreadable", b"full", b"no model", b"bug"])
async def test_every_form_fails_the_same(gateway: Gateway, word: bytes) -> None:
    answers = [await send_in(gateway, form, "nudity", IMAGE + word) for form in FORMS]

    assert [(status, without_url(body)) for status, body in answers] == [
        (answers[0][0], without_url(answers[0][1]))
    ] * len(FORMS)
    assert answers[0][0] != 200


@pytest.mark.parametrize("form", FORMS)
async def test_image_of_10_mib_passes_in_every_form_and_one_byte_more_is_413(
    gateway: Gateway, stage: Stage, form: str
) -> None:
    content = IMAGE.ljust(10 * MIB, b"\0")

    status, _ = await send_in(gateway, form, "classify", content)
    assert status == 200
    assert len(stage.calls[-1].request.image) == 10 * MIB

    if not form.startswith("async"):
        status, body = await send_in(gateway, form, "classify", content + b"\0")
        assert isinstance(body, dict)
        assert (status, body["error"]["code"]) == (413, "image_too_large")
        assert "10 MiB" in body["error"]["message"]


async def test_json_beyond_what_an_image_needs_is_413(gateway: Gateway) -> None:
    longest = math.ceil(10 * MIB / 3) * 4 + 64 * 1024

    fits = await gateway.post("classify", b"{}".rjust(longest))
    over = await gateway.post("classify", b"{}".rjust(longest + 1))

    assert fits.refusal == (404, "missing_parameter")
    assert over.refusal == (413, "body_too_large")


@pytest.mark.parametrize("letter", ["a", "\u4e2d", "\N{GRINNING FACE}"])
async def test_longest_text_passes_however_it_is_written(gateway: Gateway, letter: str) -> None:
    """`json.dumps` escapes what is not ASCII, in up to twelve bytes for a character."""
    longest = await gateway.post("analyzed-text", {"text": letter * 50_000})
    over = await gateway.post("analyzed-text", {"text": letter * 50_001})

    assert longest.status == 200, longest.body
    assert over.refusal == (400, "invalid_parameter")


@pytest.mark.parametrize("endpoint", ["ocr", "analyzed-ocr", "nudity"])
async def test_url_is_left_out_where_there_was_none_and_two_images_are_400(
    gateway: Gateway, endpoint: str
) -> None:
    one = await gateway.post(endpoint, {"image": base64()})
    both = await upload(gateway, endpoint, form_of(IMAGE, url="http://a.example/x.png"))

    assert "url" not in one.json["result"]
    assert both.refusal == (400, "invalid_parameter")
    assert "not both" in both.message


@pytest.mark.parametrize(
    "text",
    [
        "x",
        base64().rstrip("="),
        base64() + "=",
        base64(b"\xff\xfe\xfd" + IMAGE).replace("/", "_"),
        "é" * 8,
        f"data:image/gif,{base64()}",
        f"data:image/gif;base64,{base64()}!",
        "data:" + "x" * 1000 + ";base64," + base64(),
    ],
)
async def test_image_that_is_no_base64_is_400(gateway: Gateway, text: str) -> None:
    reply = await gateway.post("classify", {"image": text})

    assert reply.refusal == (400, "invalid_parameter")
    assert "'image': expected base64" in reply.json["error"]["message"]


@pytest.mark.parametrize("content", [b"just text", b"<html><img>", b"\0"])
async def test_uploaded_bytes_decide_what_they_are(gateway: Gateway, content: bytes) -> None:
    """Not the type or the name that the caller gives them."""
    form = aiohttp.FormData()
    form.add_field("image", content, filename="photo.png", content_type="image/png")

    uploaded = await upload(gateway, "classify", form)
    encoded = await gateway.post("classify", {"image": f"data:image/png;base64,{base64(content)}"})

    assert uploaded.refusal == encoded.refusal == (415, "unsupported_media_type")
    assert "the parameter 'image' holds" in uploaded.json["error"]["message"]


async def test_uploaded_file_keeps_what_is_safe_of_its_name(gateway: Gateway) -> None:
    reply = await upload(gateway, "colorize", form_of(IMAGE, "C:\\Users\\me\\x y.png"))

    assert reply.json["result"]["colorized"].endswith("-x-y.jpeg")


async def test_form_without_a_file_may_hold_a_url(gateway: Gateway) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    async with listening(image_answer()) as origin:
        form.add_field("url", origin.url())
        form.add_field("limit", "1")
        reply = await upload(gateway, "classify", form)

    assert len(reply.json["result"]) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("limit", "101", "invalid_parameter"),
        ("min_confidence", "1.1", "invalid_parameter"),
        ("limit", "x", "invalid_parameter"),
        ("limit", "0", "invalid_parameter"),
        ("limit", "1.5", "invalid_parameter"),
        ("details", "maybe", "invalid_parameter"),
        ("lang", "deu", "unknown_parameter"),
        ("", "x", "unknown_parameter"),
    ],
)
async def test_bad_field_of_a_form_is_named(
    gateway: Gateway, field: str, value: str, code: str
) -> None:
    reply = await upload(gateway, "classify", form_of(IMAGE, **{field: value}))

    assert reply.refusal == (400, code)
    assert repr(field) in reply.json["error"]["message"]


async def test_what_is_less_sure_is_left_out(gateway: Gateway) -> None:
    labels = await gateway.post("classify", {"image": base64(), "min_confidence": 0.5})
    faces = await gateway.post("emotions", {"image": base64(), "min_confidence": 0.29})
    fewer = await gateway.post("emotions", {"image": base64(), "min_confidence": 0.01, "limit": 4})

    assert [label["tag"] for label in labels.json["result"]] == ["baseball"]
    assert [e["emotion"] for e in faces.json["result"][0]["emotions"]] == ["Neutral", "Happy"]
    assert len(fewer.json["result"][0]["emotions"]) == 4


@pytest.mark.parametrize(("least", "count"), [(0.75, 1), (0.76, 0)])
async def test_lines_that_are_less_sure_are_left_out_of_the_details_alone(
    gateway: Gateway, least: float, count: int
) -> None:
    fields = {"image": base64(), "details": True, "min_confidence": least}

    reply = await gateway.post("ocr", fields)

    assert len(reply.json["details"]["lines"]) == count
    assert reply.json["result"]["text"] == "Extracted text will appear here."
