"""Requests that are answered later: their state, their limits, and what ends them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.jobs.worker import MAX_ATTEMPTS
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Hands, Reply, alone, coins_of, create_key, running
from tests.gateway.stage import WAIT
from tests.gateway.uploads import base64, defer, ended

ENOUGH_S = 20  # far beyond what any of the waits below takes
GOOD = {"image": base64()}
WAITING = {"image": base64(IMAGE + WAIT)}


async def look_up(gateway: Gateway, accepted: Reply) -> Reply:
    return await gateway.get(accepted.headers["Location"])


async def test_job_is_accepted_and_answered_later(gateway: Gateway) -> None:
    accepted = await defer(gateway, "classify", {**GOOD, "limit": 1})
    now = await gateway.post("classify", {**GOOD, "limit": 1})
    reply = await ended(gateway, accepted)

    job = accepted.json["result"]
    assert accepted.headers["Preference-Applied"] == "respond-async"
    assert accepted.headers["Location"] == job["url"] == f"/api/v1/jobs/{job['id']}"
    assert (job["status"], job["progress"]) == ("queued", {"done": 0, "total": 1})
    assert "answer" not in job
    assert reply.json["result"]["status"] == "succeeded"
    assert reply.json["result"]["progress"] == {"done": 1, "total": 1}
    assert reply.json["result"]["answer"] == {"status": 200, "body": now.json}


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("respond-async, wait=10", 202),
        ("wait=5,Respond-Async;x=1", 202),
        ("wait=10", 200),
        ("respond", 200),
        ("", 200),
    ],
)
async def test_preference_is_read_among_others(gateway: Gateway, value: str, status: int) -> None:
    assert (await gateway.post("classify", GOOD, Prefer=value)).status == status


async def test_failure_is_the_answer_of_the_job_and_a_bad_request_of_none(gateway: Gateway) -> None:
    bad = await defer(gateway, "classify", {"image": "x", "limit": 0})
    accepted = await defer(gateway, "classify", {"image": base64(IMAGE + b"unreadable")})

    job = (await ended(gateway, accepted)).json["result"]

    assert bad.refusal == (400, "invalid_parameter")
    assert (job["status"], job["answer"]["status"]) == ("failed", 422)
    assert job["answer"]["body"]["error"]["request_id"] == accepted.headers["X-Request-Id"]


async def test_progress_of_a_batch_is_told(tmp_path: Path) -> None:
    items = [{"endpoint": "nudity", **GOOD}, {"endpoint": "nudity", **WAITING}]
    async with alone(tmp_path) as (gateway, stage):
        accepted = await defer(gateway, "batch", {"requests": items})
        while (job := (await look_up(gateway, accepted)).json["result"])["progress"]["done"] < 1:
            continue
        stage.release.set()
        last = (await ended(gateway, accepted)).json["result"]

    assert (job["status"], job["progress"]) == ("running", {"done": 1, "total": 2})
    assert (last["status"], last["progress"]) == ("succeeded", {"done": 2, "total": 2})


async def test_other_account_finds_no_job(gateway: Gateway) -> None:
    other = await create_key(gateway.settings, account="somebody else")
    accepted = await defer(gateway, "classify", GOOD)
    path = accepted.headers["Location"]

    for method in ("GET", "DELETE"):
        reply = await gateway.send(method, path, headers={"X-API-Key": other})
        assert reply.refusal == (404, "not_found")
    assert (await ended(gateway, accepted)).status == 200


@pytest.mark.parametrize("name", ["x", "0" * 32, "%00", "..%2fx", "x" * 5000])
async def test_unknown_job_is_404(gateway: Gateway, name: str) -> None:
    assert (await gateway.get(f"/api/v1/jobs/{name}")).refusal == (404, "not_found")


async def delete(gateway: Gateway, accepted: Reply) -> Reply:
    headers = {"X-API-Key": gateway.key}
    return await gateway.send("DELETE", accepted.headers["Location"], headers=headers)


async def test_deleted_job_stops_and_costs_nothing(tmp_path: Path) -> None:
    async with alone(tmp_path, coins=5) as (gateway, stage):
        accepted = await defer(gateway, "nudity", WAITING)
        await stage.waiting.wait()

        deleted = await delete(gateway, accepted)
        await stage.cancelled.wait()

        assert (deleted.status, deleted.body) == (204, b"")
        assert (await look_up(gateway, accepted)).refusal == (404, "not_found")
        assert (await delete(gateway, accepted)).refusal == (404, "not_found")
        assert await coins_of(gateway) == 5


async def test_jobs_beyond_the_account_s_share_are_429(tmp_path: Path) -> None:
    async with alone(tmp_path, max_jobs_per_account=2) as (gateway, stage):
        accepted = [await defer(gateway, "nudity", WAITING) for _ in range(2)]
        refused = await defer(gateway, "nudity", GOOD)
        now = await gateway.post("nudity", GOOD)
        await delete(gateway, accepted[0])
        again = await defer(gateway, "nudity", GOOD)
        stage.release.set()
        await ended(gateway, accepted[1])

    assert refused.refusal == (429, "overloaded")
    assert "2 jobs of this account" in refused.json["error"]["message"]
    assert (now.status, again.status) == (200, 202)


async def test_inputs_of_waiting_jobs_count_as_storage_of_the_account(tmp_path: Path) -> None:
    large = {"image": base64(IMAGE.ljust(600_000, b"\0"))}
    async with alone(tmp_path, account_storage_mib=1, max_running_jobs=1) as (gateway, stage):
        await defer(gateway, "nudity", WAITING)
        first = await defer(gateway, "nudity", large)
        second = await defer(gateway, "nudity", large)
        stage.release.set()
        await ended(gateway, first)
        while (third := await defer(gateway, "nudity", large)).status == 507:
            continue  # its input is deleted a moment after its end is told

    assert second.refusal == (507, "storage_full")
    assert third.status == 202


async def test_jobs_run_in_their_order_and_wait_for_a_place(tmp_path: Path) -> None:
    async with alone(tmp_path, max_in_flight=1, max_running_jobs=4) as (gateway, stage):
        jobs = [await defer(gateway, "nudity", WAITING) for _ in range(3)]
        await stage.waiting.wait()
        count = len(stage.calls)
        stage.release.set()
        replies = [await ended(gateway, job) for job in jobs]

    assert count == 1
    assert [reply.json["result"]["status"] for reply in replies] == ["succeeded"] * 3


async def test_job_s_time_begins_when_it_runs(tmp_path: Path) -> None:
    async with alone(tmp_path, request_timeout_s=9, max_running_jobs=1) as (gateway, stage):
        await ended(gateway, await defer(gateway, "nudity", GOOD))

    assert 8 < stage.calls[0].remaining_s < 9.9


async def test_batch_that_goes_on_asks_only_what_has_no_answer(tmp_path: Path) -> None:
    items = [{"endpoint": "nudity", **item} for item in (WAITING, GOOD, WAITING)]
    async with alone(tmp_path, coins=5) as (gateway, stage):
        accepted = await defer(gateway, "batch", {"requests": items})
        while (await look_up(gateway, accepted)).json["result"]["progress"]["done"] < 1:
            continue
        await stage.waiting.wait()
    async with alone(tmp_path) as (later, stage):
        stage.release.set()
        reply = await ended(replace(later, key=gateway.key), accepted)
        left = await coins_of(later)

    job = reply.json["result"]
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 3, "total": 3})
    assert [item["status"] for item in job["answer"]["body"]["result"]] == [200] * 3
    assert (len(stage.calls), left) == (2, 2)


async def test_error_that_passes_is_tried_again(tmp_path: Path) -> None:
    full = {"image": base64(IMAGE + b"full")}
    async with alone(tmp_path) as (gateway, stage):
        job = (await ended(gateway, await defer(gateway, "nudity", full))).json["result"]

    assert (job["status"], job["answer"]["status"]) == ("failed", 429)
    assert len(stage.calls) == MAX_ATTEMPTS


async def test_job_that_was_deleted_elsewhere_costs_nothing(tmp_path: Path) -> None:
    """Its gateway learns it at the latest when it keeps the answer, which comes before the bill."""
    async with alone(tmp_path, coins=5) as (first, stage), running(first.settings) as second:
        accepted = await defer(first, "nudity", WAITING)
        await stage.waiting.wait()
        deleted = await delete(second, accepted)
        stage.release.set()
        while await coins_of(first) != 5:
            continue

    assert deleted.status == 204


async def test_job_is_forgotten_after_a_day(tmp_path: Path) -> None:
    clock = Hands()
    async with alone(tmp_path, clock=clock) as (gateway, _):
        accepted = await defer(gateway, "nudity", GOOD)
        done = await ended(gateway, accepted)
        clock.now += timedelta(hours=24) - timedelta(seconds=1)
        last = await look_up(gateway, accepted)
        clock.now += timedelta(seconds=1)
        gone = await look_up(gateway, accepted)

    assert done.json["result"]["expires_at"] == "2026-01-02T00:00:00Z"
    assert last.json["result"]["answer"]["status"] == 200
    assert gone.refusal == (404, "not_found")


async def test_repeated_request_is_one_job(gateway: Gateway) -> None:
    key = {"Idempotency_Key": "job-1"}
    first = await defer(gateway, "nudity", GOOD, **key)
    again = await defer(gateway, "nudity", GOOD, **key)
    now = await gateway.post("nudity", GOOD, **key)
    other = await defer(gateway, "nudity", {"image": base64(IMAGE + b"x")}, **key)

    assert again.status == 202
    assert again.json["result"]["id"] == first.json["result"]["id"]
    assert now.refusal == other.refusal == (422, "idempotency_key_reused")


async def test_job_without_a_good_answer_frees_its_idempotency_key(tmp_path: Path) -> None:
    """It was cancelled, or given up."""
    full = {"image": base64(IMAGE + b"full")}
    async with alone(tmp_path) as (gateway, stage):
        jobs = []
        for body in (WAITING, full, full):
            jobs.append(await defer(gateway, "nudity", body, Idempotency_Key="job-1"))
            if body is WAITING:
                await stage.waiting.wait()
                await delete(gateway, jobs[0])
            else:
                await ended(gateway, jobs[-1])

    assert len({job.json["result"]["id"] for job in jobs}) == 3
    assert not [job for job in jobs if "Idempotency-Replayed" in job.headers]


async def test_jobs_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with alone(tmp_path) as (gateway, _):
        accepted = [await defer(gateway, "nudity", GOOD) for _ in range(3)]
        other = await create_key(gateway.settings, account="somebody else")
        first = (await gateway.get("/api/v1/jobs?limit=2")).json["result"]
        rest = (await gateway.get(f"/api/v1/jobs?limit=2&after={first['next']}")).json["result"]
        made = [(await ended(gateway, job)).json["result"]["id"] for job in accepted]
        states = {
            state: len((await gateway.get(f"/api/v1/jobs?status={state}")).json["result"]["jobs"])
            for state in ("queued", "running", "succeeded", "failed")
        }
        theirs = await gateway.send("GET", "/api/v1/jobs", headers={"X-API-Key": other})

    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert rest["next"] is None
    assert states == {"queued": 0, "running": 0, "succeeded": 3, "failed": 0}
    assert theirs.json["result"] == {"jobs": [], "next": None}
    assert "answer" not in first["jobs"][0]


@pytest.mark.parametrize("query", ["status=lost", "limit=0", "limit=101", "limit=x"])
async def test_bad_list_of_jobs_is_refused(gateway: Gateway, query: str) -> None:
    assert (await gateway.get(f"/api/v1/jobs?{query}")).refusal == (400, "invalid_parameter")
