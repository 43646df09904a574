"""The one addition to the seed's answers: `details`."""

from dataclasses import replace
from typing import Any

import pytest

from imagemesh.ocr.v1 import analysis_pb2
from imagemesh.vision.v1 import vision_service_pb2 as pb
from tests.gateway.running import Gateway, Reply, create_key
from tests.gateway.services import NOT_ENGLISH
from tests.gateway.stage import Stage
from tests.gateway.uploads import base64, defer, ended

MODEL = {"name": "by-hand", "version": "1.2.3", "device": "cpu", "provider": "hand"}
TIMED = {"model": MODEL, "seconds": 0.25}
JUDGED = {"language": "en", "summary_model": MODEL, "sentiment_model": MODEL}
SIZED = {**TIMED, "width": 640, "height": 480}
LINE = {
    "text": "Extracted text will appear here.",
    "confidence": 0.75,
    "corners": [[1.0, 2.0], [9.0, 2.0], [9.0, 4.0], [1.0, 4.5]],
    "lang": "eng",
}


async def answer(gateway: Gateway, endpoint: str, *, details: bool) -> Reply:
    if endpoint == "analyzed-text":
        return await gateway.post(endpoint, {"text": "hello", "details": details})
    return await gateway.post(endpoint, {"image": base64(), "details": details})


@pytest.mark.parametrize(
    ("endpoint", "details"),
    [
        ("colorize", {**SIZED, "already_colored": True}),
        (
            "ocr",
            {
                **SIZED,
                "lang": "eng",
                "confidence": 0.75,
                "rotation_degrees": 90,
                "lines": [LINE],
                "route": "pp-ocr-lines",
            },
        ),
        ("analyzed-ocr", {**TIMED, "analysis_model": MODEL, **JUDGED}),
        ("analyzed-text", {**TIMED, **JUDGED}),
        ("emotions", {**TIMED, "face_model": MODEL}),
        ("classify", TIMED),
        (
            "nudity",
            {
                **TIMED,
                "threshold": 0.8,
                "policy": "default",
                "severity": "explicit",
                "classes": [{"name": "porn", "confidence": 0.75}],
            },
        ),
    ],
)
async def test_details_are_added_beside_the_result(
    gateway: Gateway,
    endpoint: str,
    details: dict[str, Any],  # Any: JSON
) -> None:
    plain = await answer(gateway, endpoint, details=False)
    reply = await answer(gateway, endpoint, details=True)

    assert reply.status == 200
    assert plain.json.keys() == {"result"}
    assert reply.json.keys() == {"result", "details"}
    assert reply.json["details"] == details
    if endpoint != "colorize":  # whose results have names of their own
        assert reply.json["result"] == plain.json["result"]


async def test_language_of_a_text_that_was_not_analyzed_is_told(gateway: Gateway) -> None:
    reply = await gateway.look("analyzed-ocr", NOT_ENGLISH, details=True)

    assert reply.json["details"]["language"] == "de"


@pytest.mark.parametrize(("frame", "asked"), [("first", pb.FRAMES_FIRST), ("all", pb.FRAMES_ALL)])
async def test_frames_are_asked_for(
    gateway: Gateway, stage: Stage, frame: str, asked: pb.Frames
) -> None:
    reply = await gateway.look("nudity", frame=frame)

    assert reply.status == 200
    assert stage.calls[-1].request.frames == asked


async def test_kind_of_summary_is_asked_for(gateway: Gateway, stage: Stage) -> None:
    await gateway.look("analyzed-ocr", summary="abstractive")
    await gateway.post("analyzed-text", {"text": "hello"})

    kinds = [call.request.summary for call in stage.calls[-2:]]
    assert kinds == [analysis_pb2.SUMMARY_KIND_ABSTRACTIVE, analysis_pb2.SUMMARY_KIND_EXTRACTIVE]


async def test_policy_is_that_of_the_key_unless_the_request_names_one(
    gateway: Gateway, stage: Stage
) -> None:
    asking = replace(gateway, key=await create_key(gateway.settings, policy="strict"))

    await asking.look("nudity")
    await asking.look("nudity", policy="lenient")
    await ended(asking, await defer(asking, "nudity", {"image": base64()}))

    asked = [call.request.policy for call in stage.calls[-3:]]
    assert asked == ["strict", "lenient", "strict"]


async def test_key_of_another_policy_gets_no_kept_answer(gateway: Gateway) -> None:
    strict = replace(gateway, key=await create_key(gateway.settings, policy="strict"))
    body, header = {"image": base64()}, {"Idempotency-Key": "judged-once"}

    first = await gateway.post("nudity", body, **header)
    other = await strict.post("nudity", body, **header)

    assert (first.status, other.refusal) == (200, (422, "idempotency_key_reused"))


async def test_policy_is_a_plain_name(gateway: Gateway) -> None:
    reply = await gateway.look("nudity", policy="Strict!")

    assert reply.refusal == (400, "invalid_parameter")
