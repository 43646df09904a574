"""Outages as docs/operations.md has them: answers and /readyz meanwhile, and recovery by itself."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from tests.gateway.books import books, give
from tests.gateway.origin import IMAGE
from tests.gateway.outages import OUTAGES, Outage
from tests.gateway.running import Gateway, Reply, Start
from tests.gateway.uploads import base64, defer, ended

OPERATIONS: Final = Path(__file__).parents[2] / "docs" / "operations.md"
ENOUGH_S: Final = 60  # far beyond what any of the waits below takes
CREDITS: Final = 1000
GOOD: Final = ("200", "200", "202", '200 `"status": "ok"`')


@pytest.mark.parametrize(("name", "outage_in"), OUTAGES.items(), ids=OUTAGES)
async def test_outage_is_answered_as_the_table_says_and_ends_by_itself(
    start: Start,
    tmp_path: Path,
    name: str,
    outage_in: Callable[[Path], AbstractContextManager[Outage]],
) -> None:
    async with asyncio.timeout(ENOUGH_S):
        with outage_in(tmp_path) as outage:
            async with start(**outage.settings) as gateway:
                url = gateway.settings.database_url
                await give(url, CREDITS)
                before = await asked(gateway)
                await asyncio.to_thread(outage.begin)
                with capture_logs() as lines:
                    during = await asked(gateway)
                await asyncio.to_thread(outage.end)
                while state(await gateway.get("/readyz")) != GOOD[-1]:
                    pass
                after = await asked(gateway)
            found = await books(url)

    assert (before, after) == (GOOD, GOOD)
    assert during == rows()[name]
    answered = [*before[:3], *during[:3], *after[:3]]
    assert found.charges == sum(status in {"200", "202"} for status in answered)
    assert (found.balance, found.held) == (CREDITS - found.charges, 0)
    assert not [line for line in lines if "exc_info" in line]


def rows() -> dict[str, tuple[str, ...]]:
    """Return the cells of the table in the page, by their first one."""
    lines = OPERATIONS.read_text().partition("\n## Outages\n")[2].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {row[0]: tuple(row[1:5]) for row in cells}


async def asked(gateway: Gateway) -> tuple[str, ...]:
    """Return the answers to a text, an image to color, a job, and a probe."""
    text = await gateway.post("analyzed-text", {"text": "hello"})
    image = await gateway.post("colorize", {"image": base64(IMAGE)})
    job = await defer(gateway, "ocr", {"image": base64(IMAGE)})
    if job.status == 202:
        await ended(gateway, job)
    return told(text), told(image), told(job), state(await gateway.get("/readyz"))


def told(reply: Reply) -> str:
    """Return the status of an answer, and the code of an error."""
    if reply.status < 300:
        return str(reply.status)
    status, code = reply.refusal
    return f"{status} `{code}`"


def state(ready: Reply) -> str:
    """Return what a probe is told, but for the services."""
    found = {name: value for name, value in ready.json.items() if name != "services"}
    if len(found) > 1:
        del found["status"]
    return f"{ready.status} " + ", ".join(
        f'`"{name}": {value!r}`'.replace("'", '"') for name, value in found.items()
    )
