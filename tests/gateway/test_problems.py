"""Every row of the table of errors; `Reply.refusal` checks the one shape of each."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from contract.fields import MAX_URL_CHARACTERS
from contract.table import ENDPOINT_NAMES
from tests.gateway.origin import IMAGE, drip
from tests.gateway.running import Gateway, Start
from tests.gateway.services import UNHEARD_OF
from tests.gateway.stage import WORDS_OF_BUG

KIB = 2**10
NO_JSON = (400, "malformed_json")
NO_PARAMETER = (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("body", "refusal", "words"),
    [
        (b'["http://a.example/"]', NO_JSON, "must be a JSON object"),
        (b"null", NO_JSON, "must be a JSON object"),
        (b"{'url': 'x'}", NO_JSON, "not valid JSON"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"url": "x"}', NO_JSON, "not valid JSON"),
        (b'{"url": NaN}', NO_JSON, "not valid JSON"),
        (b'{"url": "a\nb"}', NO_JSON, "not valid JSON"),
        (rb'{"url": "\ud800 half of a pair"}', NO_JSON, "not valid JSON"),
        (b'{"a":' * 10_000, NO_JSON, "not valid JSON"),
        (b"url=https://example.com/image.jpg", NO_JSON, "not valid JSON"),
        (b'{"url": 5}', NO_PARAMETER, "'url': expected `str`, got `int`"),
        (b'{"url": null}', NO_PARAMETER, "'url': expected `str`, got `null`"),
        (b'{"url": ""}', NO_PARAMETER, "'url'"),
        (b'{"url": "x", "limit": "5"}', NO_PARAMETER, "'limit': expected `int`"),
        (b'{"url": "x", "limit": 8}', NO_PARAMETER, "'limit': expected `int` <= 7"),
        (b'{"url": "x", "limit": 0}', NO_PARAMETER, "'limit': expected `int` >= 1"),
        (b'{"url": "x", "limit": true}', NO_PARAMETER, "'limit': expected `int`"),
        (b'{"url": "x", "limit": 5.5}', NO_PARAMETER, "'limit': expected `int`"),
        (b'{"url": "x", "limit": 1' + b"1" * 40 + b"}", NO_PARAMETER, "'limit'"),
        (b'{"url": "' + b"x" * (MAX_URL_CHARACTERS + 1) + b'"}', NO_PARAMETER, "'url'"),
        (b'{"' + b"x" * 60_000 + b'": 1}', (400, "unknown_parameter"), "'xxx"),
        (b'{"url": "x", "details": 1}', NO_PARAMETER, "'details': expected `bool`"),
        (b'{"url": "x", "lang": 1}', (400, "unknown_parameter"), "'lang'; known are: url, image,"),
        (b'{"url": "x", "Limit": 5}', (400, "unknown_parameter"), "'Limit'"),
        (b'{"url": "x", "image": "x"}', NO_PARAMETER, "not both"),
        (b'{"image": "x"}', NO_PARAMETER, "'image': expected base64"),
        (b'{"image": "eA=="}', (415, "unsupported_media_type"), "'image' holds text"),
        (b'{"url": "x", "min_confidence": 2}', NO_PARAMETER, "'min_confidence'"),
        (b'{"limit": 5}', (404, "missing_parameter"), "'url'"),
        (b'{"url": "no url"}', (400, "invalid_url"), "percent-encode"),
        (b'{"url": "ftp://a.example/x.png"}', (400, "invalid_url"), "http:// or https://"),
        (b'{"url": "http://10.0.0.1/x.png"}', (400, "forbidden_url"), "not fetched from"),
        (b'{"url": "http://169.254.169.254/"}', (400, "forbidden_url"), "not fetched from"),
    ],
)
async def test_bad_request_says_what_to_change(
    gateway: Gateway, body: bytes, refusal: tuple[int, str], words: str
) -> None:
    reply = await gateway.post("emotions", body)

    assert reply.refusal == refusal
    assert words in reply.message
    assert len(reply.message) < 200  # whatever was sent


@pytest.mark.parametrize(
    ("endpoint", "fields", "refusal", "words"),
    [
        *(("ocr", {"url": "x", "lang": lang}, NO_PARAMETER, "'lang'") for lang in (None, "x" * 61)),
        ("ocr", {"url": "x", "text_layer": "x"}, NO_PARAMETER, "'text_layer'"),
        ("analyzed-text", {}, (404, "missing_parameter"), "'text'"),
    ],
)
async def test_bad_field_is_named(
    gateway: Gateway, endpoint: str, fields: dict[str, Any], refusal: tuple[int, str], words: str
) -> None:  # Any: JSON
    reply = await gateway.post(endpoint, fields)

    assert reply.refusal == refusal
    assert words in reply.message


@pytest.mark.parametrize(
    "path", ["/api/v1", "/api/v1/colourize", "/api/v1/ocr//", "/api/v2/ocr", "//api/v1/ocr"]
)
async def test_unknown_path_is_404(gateway: Gateway, path: str) -> None:
    replies = [await gateway.send(method, path) for method in ("GET", "POST")]

    assert [reply.refusal for reply in replies] == [(404, "not_found")] * 2


@pytest.mark.parametrize(
    ("methods", "path", "allowed"),
    [
        ("GET PUT PATCH DELETE OPTIONS", "classify", {"POST"}),
        ("POST PUT", "languages", {"GET", "HEAD"}),
        ("POST DELETE", "usage", {"GET", "HEAD"}),
        ("POST PUT", "jobs/x", {"GET", "HEAD", "DELETE"}),
    ],
)
async def test_other_method_is_405_with_allow(
    gateway: Gateway, methods: str, path: str, allowed: set[str]
) -> None:
    for method in methods.split():
        reply = await gateway.send(method, f"/api/v1/{path}")

        assert reply.refusal == (405, "method_not_allowed")
        assert set(reply.headers["Allow"].split(", ")) == allowed
    assert (await gateway.send("HEAD", "/api/v1/classify")).status == 405


async def test_text_beyond_768_kib_is_413(gateway: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(769):
            yield b" " * KIB

    headers = {"X-API-Key": gateway.key, "Content-Type": "application/json"}
    most = await gateway.post("analyzed-text", b"{}".rjust(768 * KIB))
    for body in (b" " * (768 * KIB + 1), chunks()):
        reply = await gateway.send("POST", "/api/v1/analyzed-text", body=body, headers=headers)

        assert reply.refusal == (413, "body_too_large")
        assert "768 KiB" in reply.message
    assert most.refusal == (404, "missing_parameter")


@pytest.mark.parametrize("media_type", ["multipart/mixed; boundary=x", "image/png", "text/csv"])
async def test_body_that_is_not_called_json_is_415(gateway: Gateway, media_type: str) -> None:
    reply = await gateway.post("classify", {"url": "x"}, Content_Type=media_type)

    assert reply.refusal == (415, "unsupported_media_type")
    assert "send JSON" in reply.message


async def test_uploaded_file_is_415_where_no_image_is_taken(gateway: Gateway) -> None:
    form = aiohttp.FormData()
    form.add_field("image", IMAGE, filename="x.gif", content_type="image/gif")
    path, headers = "/api/v1/analyzed-text", {"X-API-Key": gateway.key}

    reply = await gateway.send("POST", path, body=form, headers=headers)

    assert reply.refusal == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        (b"invalid", 400, "invalid_request"),
        (b"unreadable", 422, "unreadable_image"),
        (b"full", 429, "overloaded"),
        (b"no model", 503, "model_not_installed"),
        (b"leaving", 503, "unavailable"),
    ],
)
async def test_fault_of_the_service_keeps_its_code_and_its_words(
    gateway: Gateway, word: bytes, status: int, code: str
) -> None:
    for endpoint in set(ENDPOINT_NAMES) - {"analyzed-text"}:
        reply = await gateway.look(endpoint, word)

        assert reply.refusal == (status, code)
        assert reply.message == f"{word.decode()}, said the service"
        assert ("Retry-After" in reply.headers) == (code in {"overloaded", "unavailable"})


@pytest.mark.parametrize(
    ("lang", "refusal"),
    [("xxx", (400, "unsupported_language")), ("tir", (503, "language_not_installed"))],
)
async def test_language_that_cannot_be_read(
    gateway: Gateway, lang: str, refusal: tuple[int, str]
) -> None:
    reply = await gateway.look("ocr", lang=lang)

    assert reply.refusal == refusal
    assert f"{lang}: apt install it" in reply.message


async def test_bug_in_a_service_is_500_without_its_words(gateway: Gateway) -> None:
    reply = await gateway.look("classify", b"bug")

    assert reply.refusal == (500, "internal")
    assert reply.message == "the service failed; report the request id"
    assert WORDS_OF_BUG not in json.dumps(reply.json)


async def test_slow_origin_is_504(start: Start) -> None:
    slow = drip(b"HTTP/1.1 200 OK\r\n\r\n", b"G", interval_s=0.05)
    async with start(fetch_timeout_s=0.2) as hurried:
        reply = await hurried.look_at("classify", slow)

    assert reply.refusal == (504, "fetch_timeout")
    assert "0.2 s" in reply.message


async def test_slow_service_is_504(start: Start) -> None:
    async with start(request_timeout_s=1) as hurried:
        reply = await hurried.look("classify", b"wait")

    assert reply.refusal == (504, "deadline_exceeded")


async def test_problem_of_the_gateway_itself_is_500_without_a_stack(gateway: Gateway) -> None:
    reply = await gateway.post("analyzed-text", {"text": UNHEARD_OF.decode()})

    assert reply.refusal == (500, "internal")
    assert reply.message == "the gateway failed; report the request id"
