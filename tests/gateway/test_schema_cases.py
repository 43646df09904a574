"""Requests that a program makes up from the OpenAPI document: every answer is one of it.

`make fuzz CASES=10000` sends more of them.
"""

import asyncio
import json
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.gateway.running import Gateway, Start

# What no schema can say may be refused: a URL that leads nowhere, base64 that holds no image, a
# webhook without its header, a key that was used before. What is wrong may also be too
# large. A batch answers 200 whatever its items are; each has its own status.
_CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", 502]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 403, 404, 415, 422, 502]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422]
[[operations]]
include-path = "/api/v1/batch"
[operations.checks.negative_data_rejection]
enabled = false
"""
_OPERATIONS = 16


async def test_every_answer_to_made_up_requests_is_one_of_the_document(
    start: Start, tmp_path: Path, schema_cases: int
) -> None:

    async with start(webhook_secret="x" * 32) as gateway:
        told = await _schemathesis(gateway, tmp_path, examples=schema_cases // _OPERATIONS)

    report = json.loads((tmp_path / "report.json").read_text())
    assert report["failures"] == report["errors"] == [], told
    assert report["operations"]["tested"] == report["operations"]["total"]
    assert report["test_cases"]["generated"] >= schema_cases


async def _schemathesis(gateway: Gateway, folder: Path, *, examples: int) -> str:
    """Run it against `gateway`, at most `examples` for each operation and phase."""
    config = folder / "schemathesis.toml"
    config.write_text(_CONFIG)
    process = await asyncio.create_subprocess_exec(
        *("schemathesis", "--config-file", str(config), "--no-color", "run"),
        *(f"{gateway.url}/openapi.json", "--header", f"X-API-Key: {gateway.key}"),
        *("--continue-on-failure", "--seed", "1", "--warnings", "off"),
        *("--max-examples", str(examples), "--report-json-path", str(folder / "report.json")),
        cwd=folder,  # it keeps what it found beside it
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()
