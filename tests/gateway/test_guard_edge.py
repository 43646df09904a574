"""The edge: what the log line of a request tells, and how hosted files are handed out."""

import asyncio
import json

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.key_format import generate_key, key_id
from gateway.accounts.keys import KeyStore
from gateway.problems import Problem
from tests.gateway.running import Gateway


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_log_line_names_account_key_and_code(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    await gateway.look("classify")
    await gateway.post("classify", {"nothing": 1})
    await gateway.send("POST", "/api/v1/classify")

    good, bad, stranger = lines_of(capsys)
    assert (good["account"], good["key_id"]) == ("tests", key_id(gateway.key))
    assert "code" not in good
    assert (bad["account"], bad["code"]) == ("tests", "unknown_parameter")
    assert stranger["code"] == "missing_api_key"
    assert "account" not in stranger


async def test_probes_leave_no_line(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/static/page.css"):
        await gateway.send("GET", path)

    assert lines_of(capsys) == []


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
