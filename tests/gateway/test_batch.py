"""Several requests in one: each with its own fate, in order, side by side."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.problems import Problem
from gateway.requests.batch import parse_batch
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Reply, alone, coins_of
from tests.gateway.stage import WAIT, Stage
from tests.gateway.uploads import base64

FIELD = st.sampled_from(
    ["requests", "webhook", "endpoint", "url", "image", "text", "limit", "details", "x"]
)
ENOUGH_S = 20  # far beyond what any of the waits below takes
GOOD = {"endpoint": "nudity", "image": base64()}
WAITING = {"endpoint": "nudity", "image": base64(IMAGE + WAIT)}


async def batch(gateway: Gateway, *items: object) -> Reply:
    return await gateway.post("batch", {"requests": items})


def statuses(reply: Reply) -> list[int]:
    return [item["status"] for item in reply.json["result"]]


async def test_every_endpoint_can_be_asked_in_one_batch(gateway: Gateway) -> None:
    images = ["colorize", "ocr", "analyzed-ocr", "emotions", "classify", "nudity"]
    items = [{"endpoint": endpoint, "image": base64()} for endpoint in images]

    reply = await batch(gateway, *items, {"endpoint": "analyzed-text", "text": "hello"})

    assert statuses(reply) == [200] * 7
    bodies = [item["body"]["result"] for item in reply.json["result"]]
    assert "colorized" in bodies[0]
    assert bodies[4][0]["tag"] == "baseball"
    assert bodies[6]["text"]["full_text"] == "hello"


async def test_bad_requests_touch_no_other(gateway: Gateway) -> None:
    reply = await batch(
        gateway,
        GOOD,
        {"endpoint": "nudity"},
        {"endpoint": "nudity", "image": "no base64!"},
        {"endpoint": "nudity", "image": base64(b"no image")},
        {"endpoint": "nudity", "image": base64(IMAGE + b"unreadable")},
        {"endpoint": "nudity", "image": base64(IMAGE + b"bug")},
        {"endpoint": "nudity", "url": "http://10.0.0.1/x.png"},
        {"endpoint": "ocr", "image": base64(), "lang": "xxx"},
        {"endpoint": "nothing", "image": base64()},
        {"endpoint": 5},
        {"image": base64()},
        {"endpoint": "nudity", "image": base64(), "webhook": "http://a.example/"},
        GOOD,
    )

    assert statuses(reply) == [200, 404, 400, 415, 422, 500, 400, 400, 400, 400, 404, 400, 200]
    errors = [item["body"]["error"] for item in reply.json["result"][1:-1]]
    assert [error["code"] for error in errors] == [
        "missing_parameter",
        "invalid_parameter",
        "unsupported_media_type",
        "unreadable_image",
        "internal",
        "forbidden_url",
        "unsupported_language",
        "invalid_parameter",
        "invalid_parameter",
        "missing_parameter",
        "invalid_parameter",
    ]
    own_id = reply.headers["X-Request-Id"]
    assert [error["request_id"] for error in errors] == [f"{own_id}-{n}" for n in range(1, 12)]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (404, "missing_parameter")),
        ({"requests": []}, (400, "invalid_parameter")),
        ({"requests": [GOOD] * 17}, (400, "invalid_parameter")),
        ({"requests": {}}, (400, "invalid_parameter")),
        ({"requests": ["x"]}, (400, "invalid_parameter")),
        ({"requests": [GOOD], "limit": 5}, (400, "unknown_parameter")),
        ([GOOD], (400, "malformed_json")),
    ],
)
async def test_batch_that_is_none_is_refused_as_a_whole(
    gateway: Gateway, body: object, refusal: tuple[int, str]
) -> None:
    assert (await gateway.post("batch", body)).refusal == refusal


async def test_batch_is_no_form(gateway: Gateway) -> None:
    form = await gateway.post("batch", b"x", Content_Type="multipart/form-data; boundary=x")

    assert form.refusal == (415, "unsupported_media_type")


async def until_calls(gateway: Gateway, stage: Stage, count: int) -> None:
    async with asyncio.timeout(ENOUGH_S):
        while len(stage.calls) < count:
            await gateway.send("GET", "/healthz")


async def test_requests_run_side_by_side(tmp_path: Path) -> None:
    """Sixteen are the most."""
    async with alone(tmp_path) as (gateway, stage):
        answer = asyncio.create_task(batch(gateway, *[WAITING] * 16))
        await until_calls(gateway, stage, 16)
        stage.release.set()

        assert statuses(await answer) == [200] * 16


async def test_batch_takes_only_places_that_are_free(tmp_path: Path) -> None:
    async with alone(tmp_path, max_in_flight=2) as (gateway, stage):
        answer = asyncio.create_task(batch(gateway, *[WAITING] * 5))
        await until_calls(gateway, stage, 2)
        refused = await gateway.look("nudity")
        second = await batch(gateway, GOOD)
        count = len(stage.calls)
        stage.release.set()

        assert statuses(await answer) == [200] * 5
        assert (await gateway.look("nudity")).status == 200
    assert count == 2
    assert refused.refusal == second.refusal == (429, "overloaded")


async def test_each_request_is_charged_by_itself(tmp_path: Path) -> None:
    bad = {"endpoint": "nudity", "image": base64(IMAGE + b"unreadable")}
    async with alone(tmp_path, coins=3, max_in_flight=1) as (gateway, _):
        reply = await batch(gateway, GOOD, bad, GOOD, GOOD, GOOD)
        left = await coins_of(gateway)

    assert statuses(reply) == [200, 422, 200, 200, 406]
    assert left == 0


SCALAR: st.SearchStrategy[Any] = st.sampled_from(  # Any: JSON
    [None, True, 0, -1, 2**64, 0.5, 1e999, "", "\0", "é", "nudity", "ocr", base64(), [], {}, [[]]]
)
ITEM = st.dictionaries(FIELD, SCALAR, max_size=4)


@given(st.dictionaries(FIELD, SCALAR | ITEM | st.lists(SCALAR | ITEM, max_size=3), max_size=3))
def test_any_fields_are_a_batch_or_a_problem(fields: dict[str, Any]) -> None:  # Any: JSON
    with suppress(Problem):
        parse_batch(fields)


async def test_each_request_counts_against_the_rate(tmp_path: Path) -> None:
    async with alone(tmp_path, rate_limit="3/hour") as (gateway, _):
        first = await batch(gateway, GOOD, GOOD)
        second = await batch(gateway, GOOD, GOOD)
        third = await batch(gateway, GOOD)

    assert statuses(first) == [200, 200]
    assert sorted(statuses(second)) == [200, 429]
    assert third.refusal == (429, "rate_limited")


async def test_caller_that_hangs_up_ends_the_whole_batch_and_frees_every_place(
    tmp_path: Path,
) -> None:
    async with alone(tmp_path, coins=5, max_in_flight=4) as (gateway, stage):
        answer = asyncio.create_task(batch(gateway, *[WAITING] * 5))
        await until_calls(gateway, stage, 3)
        answer.cancel()
        async with asyncio.timeout(ENOUGH_S):
            while await coins_of(gateway) < 5:
                continue
            stage.release.set()
            while statuses_or_none(await batch(gateway, *[GOOD] * 5)) != [200] * 5:
                continue
        assert await coins_of(gateway) == 0


def statuses_or_none(reply: Reply) -> list[int]:
    return statuses(reply) if reply.status == 200 else []


async def test_batch_has_one_deadline(tmp_path: Path) -> None:
    async with alone(tmp_path, request_timeout_s=3) as (gateway, _):
        reply = await batch(gateway, WAITING, GOOD, WAITING)

    assert statuses(reply) == [504, 200, 504]
