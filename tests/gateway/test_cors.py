"""CORS: pages of the origins that are named may ask, others may not."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from gateway.cors import cors_middleware
from tests.gateway.running import Gateway, Reply, Start, gateway_settings

PAGE = "https://app.example.org"
OTHER = "https://elsewhere.example.org"


async def preflight(gateway: Gateway, origin: str, header: str = "x-api-key") -> Reply:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": f"content-type,{header}",
    }
    return await gateway.send("OPTIONS", "/api/v1/ocr", headers=headers)


async def test_no_page_may_ask_where_no_origin_is_named(gateway: Gateway) -> None:
    asked = await preflight(gateway, PAGE)
    sent = await gateway.send("GET", "/healthz", headers={"Origin": PAGE})

    assert asked.status == 405
    assert not [
        name for name in (*asked.headers, *sent.headers) if "access-control" in name.lower()
    ]


async def test_page_of_a_named_origin_may_ask(start: Start) -> None:
    async with start(cors_origins=f"http://localhost:3000, {PAGE}") as gateway:
        asked = [
            await preflight(gateway, PAGE, header)
            for header in ("x-api-key", "authorization", "idempotency-key", "prefer")
        ]
        refused = await preflight(gateway, OTHER)
        error = await gateway.send("POST", "/api/v1/ocr", headers={"Origin": PAGE})

    assert {reply.status for reply in asked} == {200}
    assert {reply.headers["Access-Control-Allow-Origin"] for reply in asked} == {PAGE}
    assert refused.status == 400
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert error.status == 401
    assert error.headers["Access-Control-Allow-Origin"] == PAGE
    assert "X-Request-Id" in error.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in error.headers


def test_every_origin_is_warned_of() -> None:
    with capture_logs() as lines:
        cors_middleware((PAGE,))
        cors_middleware(("*",))

    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "cors open to every origin")
    ]


@pytest.mark.parametrize("origin", ["app.example.org", "https://app.example.org/", "https://A.org"])
def test_origin_that_no_browser_sends_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        gateway_settings(tmp_path, cors_origins=origin)
