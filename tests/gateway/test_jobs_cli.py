"""`imagemesh jobs` as an operator runs it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.jobs import WebhookAttempt
from gateway.database.engine import open_database
from gateway.jobs.outcomes import Outcome
from gateway.jobs.records import GIVEN_UP
from tests.gateway.alone import alone
from tests.gateway.ended import ended
from tests.gateway.job_stores import add_job, end_job, job_store
from tests.gateway.origin import IMAGE
from tests.gateway.running import database_url
from tests.gateway.uploads import base64, defer
from tests.gateway.uploads import ended as ended_job


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return the ids of a job that was given up and of one whose webhook was, of one account."""
    url = database_url(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    return asyncio.run(_make_dead(url))


async def _make_dead(url: str) -> tuple[str, str]:
    engine = await open_database(url)
    store = job_store(engine)
    await end_job(store, await add_job(store))
    job = await add_job(store, endpoints=("ocr", "nudity"))
    await store.keep(job, 0, Outcome(200, b"{}"), None)
    await store.bury(job.id)
    hooked = await end_job(store, await add_job(store, webhook="http://a.example/"))
    attempt = WebhookAttempt(datetime.now(UTC), 500, 0.1)
    await store.note_webhook(hooked, status=GIVEN_UP, attempt=attempt)
    await engine.dispose()
    return job.id, hooked.id


def test_dead_letters_are_listed(dead: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    listed = ended(["jobs", "dead"], capsys)
    as_json = json.loads(ended(["jobs", "dead", "--json"], capsys).out)

    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["JOB", "KIND"],
        [dead[0], "job"],
        [dead[1], "webhook"],
    ]
    assert [(one["id"], one["kind"], one["done"], one["total"]) for one in as_json] == [
        (dead[0], "job", 1, 2),
        (dead[1], "webhook", 1, 1),
    ]


def test_job_is_queued_again_once(
    dead: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = ended(["jobs", "requeue", dead[0]], capsys)
    second = ended(["jobs", "requeue", dead[0], "--json"], capsys)
    left = json.loads(ended(["jobs", "dead", "--json"], capsys).out)

    assert (first.code, first.out) == (0, "queued 1\n")
    assert second.code == 1
    assert json.loads(second.out) == {"queued": [], "unknown": [dead[0]]}
    assert [one["id"] for one in left] == [dead[1]]


def test_all_that_can_be_queued_again_is(
    dead: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    done = ended(["jobs", "requeue", "all", "--json"], capsys)

    assert json.loads(done.out) == {"queued": [dead[0]], "unknown": []}


async def test_job_that_is_queued_again_is_worked_on_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    full = {"image": base64(IMAGE + b"full")}
    async with alone(tmp_path) as (gateway, stage):
        accepted = await defer(gateway, "nudity", full)
        await ended_job(gateway, accepted)
        count = len(stage.calls)
        done = await asyncio.to_thread(ended, ["jobs", "requeue", "all"], capsys)
        await ended_job(gateway, accepted)

    assert done.code == 0
    assert len(stage.calls) == 2 * count
