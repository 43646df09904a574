"""Every row of the table of errors, each with its one shape."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from contract.fields import MAX_URL_CHARACTERS
from gateway.accounts.accounts import AccountStore
from gateway.database.engine import open_database
from tests.gateway.origin import IMAGE, Answer, drip, image_answer, says
from tests.gateway.purse import BrokenCredits
from tests.gateway.running import Gateway, Reply, create_key, gateway_settings, running
from tests.gateway.stage import WORDS_OF_BUG, Stage

MIB = 2**20


def assert_error(reply: Reply, status: int, code: str) -> str:
    """Check the one error shape and return its message."""
    error = reply.json["error"]
    assert (reply.status, error["code"]) == (status, code)
    assert reply.json.keys() == {"error"}
    assert list(error) == ["code", "message", "request_id"]
    assert error["request_id"] == reply.headers["X-Request-Id"]
    assert reply.headers["Content-Type"] == "application/json"
    assert error["message"]
    return str(error["message"])


@pytest.mark.parametrize(
    ("body", "status", "code", "says_what"),
    [
        (b"", 400, "malformed_json", "not valid JSON"),
        (b'{"url": "x"', 400, "malformed_json", "not valid JSON"),
        (b'{"url": "http://a.example/" "limit": 5}', 400, "malformed_json", "not valid JSON"),
        (b'{"url": "\xff"}', 400, "malformed_json", "not valid JSON"),
        (b"[" * 60_000, 400, "malformed_json", "not valid JSON"),
        (b'["http://a.example/"]', 400, "malformed_json", "must be a JSON object"),
        (b'"http://a.example/"', 400, "malformed_json", "must be a JSON object"),
        (b"null", 400, "malformed_json", "must be a JSON object"),
        (b"{'url': 'x'}", 400, "malformed_json", "not valid JSON"),
        (b'{"url": "x",}', 400, "malformed_json", "not valid JSON"),
        (b'{"url": "x"} {}', 400, "malformed_json", "not valid JSON"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"url": "x"}', 400, "malformed_json", "not valid JSON"),
        (b'{"url": NaN}', 400, "malformed_json", "not valid JSON"),
        (b'{"url": "a\nb"}', 400, "malformed_json", "not valid JSON"),
        (rb'{"url": "\ud800 half of a pair"}', 400, "malformed_json", "not valid JSON"),
        (b'{"a":' * 10_000, 400, "malformed_json", "not valid JSON"),
        (b"url=https://example.com/image.jpg", 400, "malformed_json", "not valid JSON"),
        (b'{"url": 5}', 400, "invalid_parameter", "'url': expected `str`, got `int`"),
        (b'{"url": null}', 400, "invalid_parameter", "'url': expected `str`, got `null`"),
        (b'{"url": ""}', 400, "invalid_parameter", "'url'"),
        (b'{"url": "x", "limit": "5"}', 400, "invalid_parameter", "'limit': expected `int`"),
        (b'{"url": "x", "limit": 8}', 400, "invalid_parameter", "'limit': expected `int` <= 7"),
        (b'{"url": "x", "limit": 0}', 400, "invalid_parameter", "'limit': expected `int` >= 1"),
        (b'{"url": "x", "limit": true}', 400, "invalid_parameter", "'limit': expected `int`"),
        (b'{"url": "x", "limit": 5.5}', 400, "invalid_parameter", "'limit': expected `int`"),
        (b'{"url": "x", "limit": 1' + b"1" * 40 + b"}", 400, "invalid_parameter", "'limit'"),
        (b'{"url": "' + b"x" * (MAX_URL_CHARACTERS + 1) + b'"}', 400, "invalid_parameter", "'url'"),
        (b'{"' + b"x" * 60_000 + b'": 1}', 400, "unknown_parameter", "'xxx"),
        (b'{"url": "x", "details": 1}', 400, "invalid_parameter", "'details': expected `bool`"),
        (b'{"url": "x", "lang": "eng"}', 400, "unknown_parameter", "'lang'; known are: url,"),
        (b'{"url": "x", "Limit": 5}', 400, "unknown_parameter", "'Limit'"),
        (b'{"lang": "eng"}', 400, "unknown_parameter", "'lang'"),
        (b'{"url": "x", "image": "x"}', 400, "invalid_parameter", "not both"),
        (b'{"image": "x"}', 400, "invalid_parameter", "'image': expected base64"),
        (
            b'{"image": "eA=="}',
            415,
            "unsupported_media_type",
            "'image' holds text, which is not read",
        ),
        (b'{"url": "x", "min_confidence": 2}', 400, "invalid_parameter", "'min_confidence'"),
        (b"{}", 404, "missing_parameter", "'url'"),
        (b'{"limit": 5}', 404, "missing_parameter", "'url'"),
        (b'{"url": "no url"}', 400, "invalid_url", "percent-encode"),
        (b'{"url": "ftp://a.example/x.png"}', 400, "invalid_url", "http:// or https://"),
        (b'{"url": "http://10.0.0.1/x.png"}', 400, "forbidden_url", "not fetched from"),
        (b'{"url": "http://169.254.169.254/"}', 400, "forbidden_url", "not fetched from"),
    ],
)
async def test_bad_request_says_what_to_change(
    gateway: Gateway, body: bytes, status: int, code: str, says_what: str
) -> None:
    reply = await gateway.post("emotions", body)

    message = assert_error(reply, status, code)
    assert says_what in message
    assert len(message) < 200  # whatever was sent


@pytest.mark.parametrize("lang", [None, 5, ["eng"], "x" * 61])
async def test_bad_language_is_named(gateway: Gateway, lang: object) -> None:
    reply = await gateway.post("ocr", {"url": "x", "lang": lang})

    assert "'lang'" in assert_error(reply, 400, "invalid_parameter")


async def test_unknown_parameter_is_named_with_those_that_there_are(gateway: Gateway) -> None:
    reply = await gateway.post("ocr", {"url": "x", "language": "eng"})

    known = "url, image, details, webhook, lang, min_confidence, format, pages, text_layer"
    message = assert_error(reply, 400, "unknown_parameter")
    assert message == f"unknown parameter 'language'; known are: {known}"


async def test_form_that_is_none_is_400(gateway: Gateway) -> None:
    reply = await gateway.post("emotions", b"x", Content_Type="multipart/form-data; boundary=x")

    assert "multipart/form-data" in assert_error(reply, 400, "malformed_form")


async def test_unknown_job_and_result_are_404(gateway: Gateway) -> None:
    job = await gateway.get("/api/v1/jobs/x")
    result = await gateway.send("DELETE", "/api/v1/results/x", headers={"X-API-Key": gateway.key})

    assert "no such job" in assert_error(job, 404, "not_found")
    assert "no such result" in assert_error(result, 404, "not_found")


async def test_body_that_does_not_end_is_408(gateway: Gateway, tmp_path: Path) -> None:
    never = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with changed(gateway, tmp_path, body_timeout_s=0.2) as hurried:
        key = {"X-API-Key": hurried.key, "Content-Type": "application/json"}
        reply = await hurried.send("POST", "/api/v1/classify", body=silent(), headers=key)

    assert "within 0.2 s" in assert_error(reply, 408, "body_timeout")


async def test_missing_text_is_404_as_a_missing_url_is(gateway: Gateway) -> None:
    reply = await gateway.post("analyzed-text", {})

    assert "'text'" in assert_error(reply, 404, "missing_parameter")


@pytest.mark.parametrize(
    "path", ["/api/v1", "/api/v1/colourize", "/api/v1/ocr//", "/api/v2/ocr", "//api/v1/ocr"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_path_is_404(gateway: Gateway, method: str, path: str) -> None:
    reply = await gateway.send(method, path)

    assert_error(reply, 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_method_is_405_with_allow(gateway: Gateway, method: str) -> None:
    reply = await gateway.send(method, "/api/v1/classify")

    assert reply.status == 405
    assert reply.headers["Allow"] == "POST"
    if method != "HEAD":
        assert "use POST" in assert_error(reply, 405, "method_not_allowed")


async def test_post_of_what_is_read_is_405(gateway: Gateway) -> None:
    reply = await gateway.send("POST", "/api/v1/languages")

    assert_error(reply, 405, "method_not_allowed")
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("length", [768 * 1024 + 1, 769 * 1024, MIB])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_text_beyond_768_kib_is_413(gateway: Gateway, length: int, is_chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    body = chunks(length) if is_chunked else b" " * length
    headers = {"X-API-Key": gateway.key, "Content-Type": "application/json"}

    reply = await gateway.send("POST", "/api/v1/analyzed-text", body=body, headers=headers)

    assert "768 KiB" in assert_error(reply, 413, "body_too_large")


async def chunks(length: int) -> AsyncIterator[bytes]:
    for start in range(0, length, 1000):
        yield b" " * min(1000, length - start)


async def test_text_of_exactly_768_kib_passes(gateway: Gateway) -> None:
    reply = await gateway.post("analyzed-text", b"{}".rjust(768 * 1024))

    assert_error(reply, 404, "missing_parameter")


async def test_image_of_exactly_10_mib_passes(gateway: Gateway, stage: Stage) -> None:
    content = IMAGE.ljust(10 * MIB, b"\0")

    reply = await gateway.look_at("classify", image_answer(content))

    assert reply.status == 200
    assert stage.calls[-1].request.image == content


async def test_image_beyond_10_mib_is_413(gateway: Gateway) -> None:
    reply = await gateway.look_at("classify", image_answer(IMAGE.ljust(10 * MIB + 1, b"\0")))

    assert "10 MiB" in assert_error(reply, 413, "image_too_large")


@pytest.mark.parametrize("media_type", ["multipart/mixed; boundary=x", "image/png", "text/csv"])
async def test_body_that_is_not_called_json_is_415(gateway: Gateway, media_type: str) -> None:
    reply = await gateway.post("classify", {"url": "x"}, Content_Type=media_type)

    assert "send JSON" in assert_error(reply, 415, "unsupported_media_type")


async def test_uploaded_file_is_415_where_no_image_is_taken(gateway: Gateway) -> None:
    form = aiohttp.FormData()
    form.add_field("image", IMAGE, filename="x.gif", content_type="image/gif")

    reply = await gateway.send(
        "POST", "/api/v1/analyzed-text", body=form, headers={"X-API-Key": gateway.key}
    )

    assert_error(reply, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("content", "says_what"), [(b"<html><img>", "HTML"), (b"just text", "text, which is not read")]
)
async def test_url_that_holds_no_image_is_415(
    gateway: Gateway, content: bytes, says_what: str
) -> None:
    reply = await gateway.look_at("classify", image_answer(content))

    assert says_what in assert_error(reply, 415, "unsupported_media_type")


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
@pytest.mark.parametrize("endpoint", ["colorize", "ocr", "analyzed-ocr", "emotions", "nudity"])
async def test_fault_of_the_service_keeps_its_code_and_its_words(
    gateway: Gateway, endpoint: str, word: bytes, status: int, code: str
) -> None:
    reply = await gateway.look(endpoint, word)

    assert assert_error(reply, status, code) == f"{word.decode()}, said the service"
    assert ("Retry-After" in reply.headers) == (code in {"overloaded", "unavailable"})


@pytest.mark.parametrize(
    ("lang", "status", "code"),
    [("xxx", 400, "unsupported_language"), ("tir", 503, "language_not_installed")],
)
async def test_language_that_cannot_be_read(
    gateway: Gateway, lang: str, status: int, code: str
) -> None:
    reply = await gateway.look("ocr", lang=lang)

    assert f"{lang}: apt install it" in assert_error(reply, status, code)


async def test_bug_in_a_service_is_500_without_its_words(gateway: Gateway) -> None:
    reply = await gateway.look("classify", b"bug")

    message = assert_error(reply, 500, "internal")
    assert message == "the service failed; report the request id"
    assert WORDS_OF_BUG.encode() not in reply.body
    assert not re.search(rb"Traceback|\.py|File ", reply.body)


@pytest.mark.parametrize(
    ("answer", "says_what"),
    [
        (says(b"HTTP/1.1 404 Not Found\r\n\r\n"), "HTTP status 404"),
        (says(b"not http"), "not answered in valid HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", IMAGE), "broke off"),
    ],
)
async def test_url_that_cannot_be_fetched_is_502(
    gateway: Gateway, answer: Answer, says_what: str
) -> None:
    reply = await gateway.look_at("classify", answer)

    assert says_what in assert_error(reply, 502, "fetch_failed")


@asynccontextmanager
async def changed(gateway: Gateway, folder: Path, **changes: object) -> AsyncIterator[Gateway]:
    """Run a gateway before the same services, with other settings."""
    names = ("colorize_address", "ocr_address", "vision_address")
    same: Mapping[str, object] = {name: getattr(gateway.settings, name) for name in names}
    async with running(gateway_settings(folder, **{**same, **changes})) as other:
        yield other


async def test_slow_origin_is_504(gateway: Gateway, tmp_path: Path) -> None:
    slow = drip(b"HTTP/1.1 200 OK\r\n\r\n", b"G", interval_s=0.05)
    async with changed(gateway, tmp_path, fetch_timeout_s=0.2) as hurried:
        reply = await hurried.look_at("classify", slow)

    assert "0.2 s" in assert_error(reply, 504, "fetch_timeout")


async def test_slow_service_is_504(gateway: Gateway, tmp_path: Path) -> None:
    async with changed(gateway, tmp_path, request_timeout_s=2) as hurried:
        reply = await hurried.look("classify", b"wait")

    assert_error(reply, 504, "deadline_exceeded")


async def test_problem_of_the_gateway_itself_is_500_without_a_stack(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    settings = gateway_settings(tmp_path, **addresses)
    async with running(settings, credit=BrokenCredits()) as broken:
        reply = await broken.post("analyzed-text", {"text": "hello"})

    assert assert_error(reply, 500, "internal") == "the gateway failed; report the request id"
    assert not re.search(rb"Traceback|secret|\.py|File ", reply.body)


async def test_database_that_went_away_is_503_and_says_to_try_again(
    gateway: Gateway, tmp_path: Path
) -> None:
    async with changed(gateway, tmp_path) as broken:
        (tmp_path / "gateway.db").write_bytes(b"no database any more" * 1000)
        reply = await broken.post("analyzed-text", {"text": "hello"})

    assert "database is away" in assert_error(reply, 503, "unavailable")
    assert reply.headers["Retry-After"] == "1"
    assert not re.search(rb"Traceback|sqlite|\.py|File ", reply.body)


async def test_key_without_the_scope_is_403(gateway: Gateway) -> None:
    key = await create_key(gateway.settings, scopes=["ocr"])

    reply = await gateway.post("emotions", {"url": "x"}, X_API_Key=key)

    assert "no scope 'emotions', only ocr" in assert_error(reply, 403, "scope_missing")


async def test_one_request_more_than_the_limit_is_429(gateway: Gateway, tmp_path: Path) -> None:
    async with changed(gateway, tmp_path, rate_limit="1/day") as limited:
        await limited.get("/api/v1/usage")
        reply = await limited.post("ocr", {"url": "x"})

    assert "more than 1 per 1 day for this key" in assert_error(reply, 429, "rate_limited")


async def test_idempotency_key_for_another_request_is_422(gateway: Gateway) -> None:
    await gateway.post("analyzed-text", {"text": "hello"}, Idempotency_Key="problems-1")

    reply = await gateway.post("analyzed-text", {"text": "bye"}, Idempotency_Key="problems-1")

    assert "take a new one" in assert_error(reply, 422, "idempotency_key_reused")


async def test_idempotency_key_of_another_form_is_400(gateway: Gateway) -> None:
    reply = await gateway.post("analyzed-text", {"text": "hello"}, Idempotency_Key="a b")

    assert "1 to 255" in assert_error(reply, 400, "invalid_idempotency_key")


async def test_empty_balance_is_406(gateway: Gateway, tmp_path: Path) -> None:
    async with changed(gateway, tmp_path) as metered:
        engine = await open_database(metered.settings.database_url)
        await AccountStore(engine).credit("tests", 0)
        await engine.dispose()
        reply = await metered.post("analyzed-text", {"text": "hello"})

    message = assert_error(reply, 406, "insufficient_balance")
    assert message == "the balance is 0; the price is 1; ask for more credits"
