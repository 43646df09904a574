"""The edge of every request: its id, its log line, its metrics, and hosts and bodies that lie."""

import asyncio
import json
import re

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from gateway.accounts.key_format import generate_key, key_id
from gateway.accounts.keys import KeyStore
from gateway.problems import Problem
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, Start
from tests.gateway.services import UNHEARD_OF
from tests.gateway.stage import Stage

ENOUGH_S = 20  # far beyond what the wait below takes


async def test_own_request_id_is_made(gateway: Gateway, stage: Stage) -> None:
    first, second = await gateway.look("classify"), await gateway.look("classify")

    ids = [reply.headers["X-Request-Id"] for reply in (first, second)]
    assert [call.request_id for call in stage.calls[-2:]] == ids
    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)
    assert ids[0] != ids[1]


@pytest.mark.parametrize("request_id", ["a", "job-17.retry_2", "x" * 64])
async def test_request_id_of_the_caller_is_kept_and_reaches_the_service(
    gateway: Gateway, stage: Stage, request_id: str
) -> None:
    async with listening(image_answer()) as origin:
        reply = await gateway.post("classify", {"url": origin.url()}, X_Request_Id=request_id)

    assert reply.headers.getall("X-Request-Id") == [request_id]
    assert stage.calls[-1].request_id == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, 'a"b', "a\tb", "\xe9", "${jndi:x}"])
async def test_request_id_that_a_log_cannot_hold_is_replaced(
    gateway: Gateway, request_id: str
) -> None:
    reply = await gateway.post("classify", {}, X_Request_Id=request_id)

    assert re.fullmatch("[0-9a-f]{32}", reply.headers["X-Request-Id"])


async def test_request_leaves_one_line_without_key_url_or_image(gateway: Gateway) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with listening(image_answer(IMAGE + b"no face")) as origin:
            body = {"url": origin.url("/private-name.gif")}
            await gateway.post("classify", body, X_Request_Id="job-17")

    written = [line for line in lines if line["part"] == "http"]
    assert [{**line, "seconds": 0.1} for line in written] == [
        {
            "event": "request",
            "log_level": "info",
            "part": "http",
            "method": "POST",
            "route": "/api/v1/classify",
            "status": 200,
            "seconds": 0.1,
            "request_id": "job-17",
            "account": "tests",
            "key_id": key_id(gateway.key),
        }
    ]
    assert 0 < written[0]["seconds"] < ENOUGH_S
    everything = repr(lines)
    for secret in (gateway.key, gateway.key[-20:], "private-name", origin.url(), "GIF89a"):
        assert secret not in everything


async def test_line_of_the_service_has_the_same_request_id(gateway: Gateway) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with listening(image_answer()) as origin:
            await gateway.post("classify", {"url": origin.url()}, X_Request_Id="job-18")

    # Without the lines of the gateway's own sweep, which belongs to no request.
    answered = [line for line in lines if line["part"] != "gateway"]
    assert {line["part"]: line["request_id"] for line in answered} == {
        "rpc": "job-18",
        "http": "job-18",
    }


async def test_fault_of_the_gateway_is_logged_with_its_trace(gateway: Gateway) -> None:
    with capture_logs() as lines:
        await gateway.post("analyzed-text", {"text": UNHEARD_OF.decode()})

    faults = [line for line in lines if line["event"] == "request failed"]
    assert [line["log_level"] for line in faults] == ["error"]
    assert faults[0]["exc_info"]
    assert [line["code"] for line in lines if line["event"] == "request"] == ["internal"]
    assert gateway.key not in repr(lines)


async def test_metrics_count_by_route_and_status(start: Start) -> None:
    async with start() as gateway:
        await gateway.look("classify")
        await gateway.post("classify", {})
        for path in ("/nothing", "/api/v1/ocr//", "/content/colorized/x", "/wp-login.php"):
            await gateway.send("GET", path)
        page = (await gateway.send("GET", "/metrics")).body.decode()

    counts = dict(re.findall(r"^imagemesh_http_seconds_count(\{.*\}) (.*)$", page, re.MULTILINE))
    assert counts == {
        '{route="/healthz",status="200"}': "1.0",
        '{route="/api/v1/classify",status="200"}': "1.0",
        '{route="/api/v1/classify",status="404"}': "1.0",
        '{route="/content/colorized/{name}",status="404"}': "1.0",
        '{route="other",status="404"}': "3.0",
    }
    assert "imagemesh_http_in_flight 1.0" in page  # the page itself


async def test_caller_that_hangs_up_amid_the_body_is_counted_and_no_fault(start: Start) -> None:
    async with start() as gateway:
        with capture_logs() as lines:
            head = f"POST /api/v1/ocr HTTP/1.1\r\nHost: x\r\nX-API-Key: {gateway.key}\r\n"
            await say(gateway, f"{head}Content-Length: 999\r\n\r\n{{".encode())
            async with asyncio.timeout(ENOUGH_S):
                while b'route="/api/v1/ocr",status="499"' not in await metrics(gateway):
                    pass

    assert {line["log_level"] for line in lines} == {"info"}


async def metrics(gateway: Gateway) -> bytes:
    return (await gateway.send("GET", "/metrics")).body


async def say(gateway: Gateway, content: bytes, *, answer_bytes: int = 0) -> bytes:
    """Write raw bytes, return the beginning of the answer and hang up."""
    reader, writer = await gateway.connect()
    writer.write(content)
    await writer.drain()
    answer = await reader.read(answer_bytes) if answer_bytes else b""
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "host", [b"[", b"[::1", b"a b", b"x:99999", b"x:y", b"\xff", b"a/b", b"a@b", b""]
)
async def test_host_that_is_none_is_no_fault(gateway: Gateway, host: bytes) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n" % host

    answer = await say(gateway, head, answer_bytes=100)

    assert answer.split()[1] == b"404"


async def test_connection_is_used_again_after_a_refusal(gateway: Gateway) -> None:
    """The body of a refused request must not be taken for the next request."""
    body = json.dumps({"text": "hello"}).encode()
    first = b"POST /api/v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    second = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reader, writer = await gateway.connect()

    writer.write(first + body + second)
    answers = await reader.read()
    writer.close()

    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"401", b"200"]


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_log_line_of_a_refusal_has_its_code(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/static/page.css"):
        await gateway.send("GET", path)  # probes leave no line
    await gateway.post("classify", {"nothing": 1})
    await gateway.send("POST", "/api/v1/classify")

    bad, stranger = lines_of(capsys)
    assert (bad["account"], bad["code"]) == ("tests", "unknown_parameter")
    assert stranger["code"] == "missing_api_key"
    assert "account" not in stranger


async def test_hosted_files_run_nothing(gateway: Gateway) -> None:
    made = await gateway.look("colorize")
    result = str(made.json["result"]["colorized"]).removeprefix(gateway.url)

    for path in (result, "/content/examples/letter.png"):
        headers = (await gateway.send("GET", path)).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_forged_key_that_comes_again_asks_the_database_once(engine: AsyncEngine) -> None:
    asked = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    keys, forged = KeyStore(engine), generate_key()
    for _ in range(100):
        with pytest.raises(Problem, match="wrong, expired or revoked"):
            await keys.check(forged)

    assert len([statement for statement in asked if "api_keys" in statement]) == 1


async def test_requests_at_once_with_one_key_ask_the_database_once(engine: AsyncEngine) -> None:
    """Else those of a flood would wait before another account's whenever the cache is over."""
    keys = KeyStore(engine)
    key = await keys.create("ada")
    asked = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    found = await asyncio.gather(*(keys.check(key) for _ in range(30)))

    assert {one.account for one in found} == {"ada"}
    assert len([statement for statement in asked if "api_keys" in statement]) == 1
