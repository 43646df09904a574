"""Asking a gateway: what is sent, what is repeated, and what comes of bad answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from contract.endpoints.colorize import ColorizeAnswer, Colorized
from contract.fields import MAX_IMAGE_BYTES
from imagemesh.client import (
    ApiError,
    AsyncClient,
    InvalidInput,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
)
from tests.client.scripted import (
    PNG,
    Certificate,
    Says,
    Script,
    Time,
    error_body,
    scripted,
    serving_http,
)
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Start
from tests.gateway.services import COLORED
from tests.gateway.stage import Stage

BUSY = Says(503, error_body("unavailable"), {"Retry-After": "3"})


@asynccontextmanager
async def asking(*answers: Says | None, time: Time) -> AsyncIterator[tuple[AsyncClient, Script]]:
    """Yield a client of a server that gives the answers in turn, and the server."""
    async with (
        scripted(*answers) as script,
        AsyncClient(script.url, key="k", retries=time.retries()) as client,
    ):
        yield client, script


@pytest.mark.parametrize(
    "fault",
    [
        BUSY,
        Says(429, error_body("rate_limited"), {"Retry-After": "3"}),
        Says(504, error_body("deadline_exceeded"), {"Retry-After": "3"}),
        Says(409, error_body("request_in_progress"), {"Retry-After": "3"}),
        Says(503, b"upstream connect error", {"Retry-After": "3"}),
    ],
)
async def test_passing_fault_is_repeated_under_one_idempotency_key(fault: Says) -> None:
    time = Time()
    async with asking(fault, fault, Says(), time=time) as (client, script):
        answer = await client.ocr(PNG)

    assert answer.result.text == "read"
    assert len({head["Idempotency-Key"] for head in script.heads}) == 1
    assert [wait_s > 3.0 for wait_s in time.waits_s] == [True, True]
    assert all(PNG in body for body in script.bodies)


async def test_two_calls_have_two_idempotency_keys() -> None:
    async with asking(Says(), time=Time()) as (client, script):
        await client.ocr(PNG)
        await client.ocr(PNG)

    assert len({head["Idempotency-Key"] for head in script.heads}) == 2


async def test_connection_that_breaks_is_repeated() -> None:
    time = Time()
    async with asking(None, Says(), time=time) as (client, _):
        assert (await client.ocr(PNG)).result.text == "read"

    assert len(time.waits_s) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_parameter"),
        (401, "unauthorized"),
        (406, "insufficient_balance"),
        (422, "unreadable_image"),
        (500, "internal"),
        (502, "fetch_failed"),
        (503, "model_not_installed"),
        (503, "language_not_installed"),
    ],
)
async def test_lasting_fault_is_told_at_once(status: int, code: str) -> None:
    time = Time()
    async with asking(Says(status, error_body(code)), time=time) as (client, _):
        with pytest.raises(ApiError, match="said the test") as caught:
            await client.ocr(PNG)

    assert (caught.value.status, caught.value.code) == (status, code)
    assert (caught.value.message, caught.value.request_id) == ("said the test", "abc")
    assert time.waits_s == []


async def test_gateway_that_keeps_nothing_is_asked_without_a_key_from_then_on(
    start: Start,
) -> None:
    async with (
        start(zero_retention=True) as gateway,
        AsyncClient(gateway.url, key=gateway.key, retries=Time().retries()) as client,
    ):
        first = await client.colorize(IMAGE)
        second = await client.ocr(IMAGE)

        assert (await client.download(first)).content == COLORED
    assert second.result.text == "Extracted text will appear here."


async def test_broken_call_without_a_key_is_not_repeated_for_it_may_be_charged_twice() -> None:
    time = Time()
    refused = Says(400, error_body("invalid_idempotency_key"))
    async with asking(refused, None, Says(), time=time) as (client, script):
        with pytest.raises(Unreachable, match="broke"):
            await client.ocr(PNG)

    assert ["Idempotency-Key" in head for head in script.heads] == [True, False]
    assert time.waits_s == []


async def test_repeated_call_is_charged_once(start: Start) -> None:
    """The first answer is lost behind the gateway's back, by a proxy that says 504."""
    time = Time()
    async with start() as gateway, AsyncClient(gateway.url, key=gateway.key) as counting:
        async with losing_first(gateway, time) as client:
            await client.nudity(IMAGE)
        usage = await counting.usage()

    assert len(time.waits_s) == 1
    assert [(day.endpoint, day.requests) for day in usage.days] == [("nudity", 1)]


@asynccontextmanager
async def losing_first(gateway: Gateway, time: Time) -> AsyncIterator[AsyncClient]:
    """Yield a client behind a proxy that loses the first answer of the gateway."""
    seen = 0

    async def forward(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        names = ("X-API-Key", "Idempotency-Key", "Content-Type")
        headers = {name: request.headers[name] for name in names}
        reply = await gateway.send("POST", request.path, body=await request.read(), headers=headers)
        if seen == 1:
            return web.Response(status=504)
        return web.Response(body=reply.body, status=reply.status)

    async with (
        serving_http(forward) as url,
        AsyncClient(url, key=gateway.key, retries=time.retries()) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Says(body=b"<html>"), "not that of imagemesh"),
        (Says(body=b'{"result": {}}'), "missing required field `text`"),
        (Says(body=b'{"result": {"text": 5}}'), r"Expected `str`, got `int` - at `\$.result.text`"),
        (Says(body=b'{"result": {"text": "\xff"}}'), "not that of imagemesh"),
        (Says(301, b"", {"Location": "https://elsewhere/"}), "redirects to https://elsewhere/"),
        (Says(body=b" " * (69 * 2**20)), "over 68 MiB"),
    ],
)
async def test_answer_that_is_not_the_contracts_is_told(answer: Says, message: str) -> None:
    async with asking(answer, time=Time()) as (client, _):
        with pytest.raises(UnexpectedAnswer, match=message):
            await client.ocr(PNG)


async def test_field_of_a_later_version_is_left_aside() -> None:
    answer = Says(body=b'{"result": {"text": "read", "new": 1}, "newer": []}')
    async with asking(answer, time=Time()) as (client, _):
        assert (await client.ocr(PNG)).result.text == "read"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "not_found", "404 Not Found, from something other than imagemesh"),
        (599, "unknown", "599 an unknown status"),
    ],
)
async def test_error_of_something_else_keeps_its_status(
    status: int, code: str, message: str
) -> None:
    answer = Says(status, b"<html>no</html>", {"X-Request-Id": "of-the-proxy"})
    async with asking(answer, time=Time()) as (client, _):
        with pytest.raises(ApiError, match=message) as caught:
            await client.ocr(PNG)

    assert (caught.value.code, caught.value.request_id) == (code, "of-the-proxy")


@pytest.mark.parametrize(
    ("retry_after", "is_waited_for"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", True),
        ("Sun, 06 Nov 2094 08:49:37 GMT", False),
        ("Sun, 06 Nov 1994 08:49:37 -0000", True),
        ("soon", True),
    ],
)
async def test_retry_after_may_be_a_date(
    retry_after: str,
    is_waited_for: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    time = Time()
    fault = Says(503, error_body("unavailable"), {"Retry-After": retry_after})
    async with asking(fault, Says(), time=time) as (client, _):
        if is_waited_for:
            await client.ocr(PNG)
        else:
            with pytest.raises(ApiError):
                await client.ocr(PNG)

    assert len(time.waits_s) == int(is_waited_for)


async def test_key_is_sent_nowhere_but_to_the_server() -> None:
    body = b'{"result": {"colorized": "%s"}}'
    async with (
        scripted(Says(body=PNG, headers={"Content-Type": "image/png"})) as host,
        asking(Says(body=body % host.url.encode()), time=Time()) as (client, script),
    ):
        image = await client.download(await client.colorize(PNG))

    assert (image.content, image.media_type) == (PNG, "image/png")
    assert script.heads[0]["X-API-Key"] == "k"
    assert "X-API-Key" not in host.heads[0]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "named a URL that is none"),
        ("http://", "named a URL that is none"),
        ("data:text/plain,hello", "no data: URI"),
        ("data:image/png;base64,!", "damaged"),
    ],
)
async def test_image_that_is_nowhere_is_told(url: str, message: str) -> None:
    async with asking(Says(), time=Time()) as (client, _):
        with pytest.raises(UnexpectedAnswer, match=message):
            await client.download(ColorizeAnswer(Colorized(url)))


async def test_image_that_is_gone_is_told() -> None:
    async with asking(Says(404, error_body("not_found")), time=Time()) as (client, script):
        with pytest.raises(ApiError) as caught:
            await client.download(ColorizeAnswer(Colorized(script.url)))

    assert caught.value.status == 404


async def test_page_is_no_image() -> None:
    async with asking(Says(headers={"Content-Type": "text/html"}), time=Time()) as (client, script):
        with pytest.raises(UnexpectedAnswer, match="leads to no image"):
            await client.download(ColorizeAnswer(Colorized(script.url)))


async def test_address_where_nobody_listens_is_told_with_its_name() -> None:
    async with AsyncClient("http://127.0.0.1:1", retries=Time().retries()) as client:
        with pytest.raises(Unreachable, match=r"no server answers at 127\.0\.0\.1:1"):
            await client.languages()


async def test_time_of_a_call_is_bounded(gateway: Gateway, stage: Stage) -> None:
    async with AsyncClient(gateway.url, key=gateway.key, timeout_s=3) as client:
        with pytest.raises(TimedOut):
            await client.ocr(IMAGE + b"wait")

    await stage.cancelled.wait()


@pytest.mark.parametrize("size_bytes", [0, MAX_IMAGE_BYTES + 1])
async def test_image_of_an_impossible_size_is_not_sent(size_bytes: int) -> None:
    async with asking(Says(), time=Time()) as (client, script):
        with pytest.raises(InvalidInput):
            await client.ocr(bytes(size_bytes))

    assert script.heads == []


async def test_name_of_a_file_cannot_break_the_form(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / 'a"; name="lang\n\udcff é.png'
    path.write_bytes(PNG)

    async with AsyncClient(gateway.url, key=gateway.key) as client:
        assert (await client.colorize(path)).result.colorized.endswith(".jpeg")


async def test_certificate_of_a_private_authority_is_trusted_where_it_is_named(
    certificate: Certificate,
) -> None:
    retries = Time().retries()
    async with scripted(Says(), tls=certificate.context()) as script:
        async with AsyncClient(script.url, ca_file=certificate.path, retries=retries) as client:
            assert (await client.ocr(PNG)).result.text == "read"
        async with AsyncClient(script.url, retries=retries) as client:
            with pytest.raises(Unreachable, match="is not trusted"):
                await client.ocr(PNG)


@pytest.mark.parametrize("content", [None, "no certificates", "-----BEGIN CERTIFICATE-----\nx"])
async def test_file_without_certificates_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(InvalidInput, match=r"ca\.pem"):
        async with AsyncClient("https://127.0.0.1:1", ca_file=path):
            pass
