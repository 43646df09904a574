"""Bulk jobs over REST: archives, manifests and sources, their output, progress and deletion."""

import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from gateway.bulk.upkeep import bulks_of
from gateway.database.engine import open_database, transaction
from gateway.database.tables import BULK_SHARDS
from gateway.jobs.worker import MAX_ATTEMPTS
from scripts.ports import free_port
from servicekit.server import serving
from tests.gateway.bulks import archive, images, manifest, output, submit, told
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import (
    Books,
    Gateway,
    Hands,
    Start,
    alone,
    books,
    create_key,
    give,
    running,
)
from tests.gateway.services import service_settings, services_of
from tests.gateway.stage import WAIT, Stage


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_each_file_of_an_archive_has_its_line_in_order(gateway: Gateway, method: int) -> None:
    files = {f"photos/{number}.gif": IMAGE for number in range(25)}
    hidden = {"__MACOSX/._0.gif": b"x", ".DS_Store": b"x", "photos/": b""}

    accepted = await submit(
        gateway, archive({**files, **hidden}, method=method), parameters='{"limit": 1}'
    )
    lines = await output(gateway, accepted)

    assert [(line["number"], line["name"]) for line in lines] == list(enumerate(files))
    assert {line["status"] for line in lines} == {200}
    assert {len(line["body"]["result"]) for line in lines} == {1}


async def test_fault_of_an_item_is_in_its_line_and_fails_no_other(gateway: Gateway) -> None:
    files = {"a.gif": IMAGE, "b.txt": b"words", "c.gif": IMAGE + b"unreadable", "d.gif": IMAGE}

    accepted = await submit(gateway, archive(files))
    lines = await output(gateway, accepted)
    found = (await gateway.get(accepted.headers["Location"])).json["result"]

    assert [line["status"] for line in lines] == [200, 415, 422, 200]
    assert lines[1]["body"]["error"]["code"] == "unsupported_media_type"
    assert (found["done"], found["failed"], found["total"]) == (4, 2, 4)


async def test_manifest_names_urls(gateway: Gateway) -> None:
    async with listening(image_answer(IMAGE)) as origin:
        entries = [{"url": origin.url()}, {"url": "ftp://x/y"}, {"key": "a.gif"}, {"path": "x"}]
        accepted = await submit(gateway, manifest(*entries), kind="manifest")
        lines = await output(gateway, accepted)

    assert [line["status"] for line in lines] == [200, 400, 400, 400]
    assert lines[0]["name"] == entries[0]["url"]


async def test_source_is_read_where_the_operator_allows_it(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "a.gif").write_bytes(IMAGE)
    (folder / "one" / ".hidden").write_bytes(b"x")
    (tmp_path / "secret.gif").write_bytes(IMAGE)
    url = folder.as_uri()
    async with alone(tmp_path, bulk_sources=f"tests={url}") as (gateway, _):
        listed = await output(gateway, await submit(gateway, source=f"{url}/one"))
        keys = manifest({"key": "one/a.gif"}, {"key": "../secret.gif"}, {"key": "none.gif"})
        named = await output(gateway, await submit(gateway, keys, kind="manifest", source=url))
        refused = [
            await submit(gateway, source=source)
            for source in (tmp_path.as_uri(), f"{url}/../", f"{url}x", "s3://bucket/")
        ]
        other = await create_key(gateway.settings, account="other")
        refused.append(await submit(gateway, keys, kind="manifest", source=url, key=other))

    assert [(line["name"], line["status"]) for line in listed] == [("a.gif", 200)]
    assert [line["status"] for line in named] == [200, 400, 400]
    assert {reply.refusal for reply in refused} == {(403, "forbidden_source")}


async def test_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        fields = b'--x\r\nContent-Disposition: form-data; name="endpoint"\r\n\r\nclassify\r\n'
        file = b'--x\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'
        yield fields + file + images(50)
        while not list((tmp_path / "results").rglob("items-*")):
            await gateway.get("/healthz")
        raise RuntimeError

    async with alone(tmp_path) as (gateway, _):
        headers = {"X-API-Key": gateway.key, "Content-Type": "multipart/form-data; boundary=x"}
        with pytest.raises(aiohttp.ClientError):
            await gateway.send("POST", "/api/v1/bulk", body=broken(), headers=headers)
        while (await gateway.get("/api/v1/bulk")).json["result"]["jobs"]:
            pass
        while list((tmp_path / "results").rglob("items-*")):
            await gateway.get("/healthz")


async def test_upload_that_the_account_may_not_keep_is_refused_whole(tmp_path: Path) -> None:
    files = {f"{number}.gif": IMAGE + bytes(300_000) for number in range(50)}
    async with alone(tmp_path, account_storage_mib=8) as (gateway, _):
        full = await submit(gateway, archive(files))
        listed = await gateway.get("/api/v1/bulk")

    assert full.refusal == (507, "storage_full")
    assert listed.json["result"]["jobs"] == []
    assert not list((tmp_path / "results").rglob("items-*"))


async def test_dry_run_counts_and_keeps_nothing(tmp_path: Path) -> None:
    async with alone(tmp_path, prices="classify=3") as (gateway, stage):
        reply = await submit(gateway, images(30), dry_run="true")
        listed = await gateway.get("/api/v1/bulk")

    assert (reply.status, reply.json) == (200, {"result": {"items": 30, "price": 90}})
    assert (listed.json["result"]["jobs"], stage.calls) == ([], [])
    assert not (tmp_path / "results" / "bulk-jobs").exists()


async def test_answered_items_are_charged_and_others_are_not(tmp_path: Path) -> None:
    files = {f"{number}.gif": IMAGE for number in range(20)}
    async with alone(tmp_path, prices="classify=2") as (gateway, _):
        await give(gateway.settings.database_url, 100)
        await output(gateway, await submit(gateway, archive({**files, "x.txt": b"words"})))
        poor = await submit(gateway, images(31))
        found = await books(gateway.settings.database_url)

    assert found == Books(balance=60, held=0, ledger=60, spent=40, charges=20)
    assert poor.refusal == (406, "insufficient_balance")


async def test_error_that_passes_is_tried_again_and_nothing_else_is(tmp_path: Path) -> None:
    files = {"a.gif": IMAGE, "b.gif": IMAGE + b"full", "c.gif": IMAGE}
    async with alone(tmp_path) as (gateway, stage):
        await give(gateway.settings.database_url, 10)
        lines = await output(gateway, await submit(gateway, archive(files)))
        calls = [call.request.image for call in stage.calls]
        found = await books(gateway.settings.database_url)

    assert [line["status"] for line in lines] == [200, 429, 200]
    assert (calls.count(IMAGE), calls.count(IMAGE + b"full")) == (2, 30)  # five attempts of six
    assert found == Books(balance=8, held=0, ledger=8, spent=2, charges=2)


async def test_service_that_is_away_fails_no_item(start: Start) -> None:
    port, stage = free_port(), Stage()
    async with start(vision_address=f"127.0.0.1:{port}") as gateway:
        with capture_logs() as lines:
            accepted = await submit(gateway, images(3))
            while [line["event"] for line in lines].count("shard put off") <= MAX_ATTEMPTS:
                await gateway.send("GET", "/healthz")
        async with serving(services_of(stage)["vision"], service_settings(port=port)):
            answered = await output(gateway, accepted)

    assert [line["status"] for line in answered] == [200, 200, 200]


@pytest.mark.parametrize("is_lost", [False, True])
async def test_shard_that_no_attempt_ends_has_its_lines_all_the_same(
    tmp_path: Path,
    is_lost: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with alone(tmp_path, job_worker=False) as (gateway, stage):
        accepted = await submit(gateway, images(12))
        engine = await open_database(gateway.settings.database_url)
        async with transaction(engine) as connection:
            tried = update(BULK_SHARDS).where(BULK_SHARDS.c.number == 0)
            await connection.execute(tried.values(attempts=0 if is_lost else MAX_ATTEMPTS))
        await engine.dispose()
        for file in (tmp_path / "results").rglob("items-0" if is_lost else "none"):
            file.unlink()
        async with running(gateway.settings.model_copy(update={"job_worker": True})):
            lines = await output(gateway, accepted)

    assert [line["status"] for line in lines] == [503] * 10 + [200] * 2
    assert lines[0]["body"]["error"]["code"] == "job_abandoned"
    assert (lines[0]["name"], len(stage.calls)) == ("" if is_lost else "0.gif", 2)


async def test_request_with_the_same_idempotency_key_finds_its_job(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "once"}

    first = await submit(gateway, images(3), headers=headers)
    again = await submit(gateway, images(3), headers=headers)

    assert first.headers["Location"] == again.headers["Location"]
    assert len(await output(gateway, again)) == 3


async def test_deleted_job_stops_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    files = {"a.gif": IMAGE + WAIT, **{f"{number}.gif": IMAGE for number in range(200)}}
    async with alone(tmp_path) as (gateway, stage):
        await give(gateway.settings.database_url, 1000)
        accepted = await submit(gateway, archive(files))
        path = accepted.headers["Location"]
        await stage.waiting.wait()
        early = await gateway.get(f"{path}/output")
        headers = {"X-API-Key": gateway.key}
        gone = await gateway.send("DELETE", path, headers=headers)
        await stage.cancelled.wait()
        missing = await gateway.get(path)
        found = await books(gateway.settings.database_url)

    assert early.refusal == (409, "request_in_progress")
    assert (gone.status, missing.status) == (204, 404)
    left = 1000 - found.charges
    assert found[:4] == (left, 0, left, found.charges)
    assert not list((tmp_path / "results").rglob("items-*"))


async def test_progress_is_told_by_events(gateway: Gateway) -> None:
    events = await told(gateway, await submit(gateway, images(150)))

    assert events[-1]["status"] == "succeeded"
    assert (events[-1]["done"], events[-1]["failed"], events[-1]["total"]) == (150, 0, 150)
    assert events[-1]["items_per_second"] > 0


async def test_job_is_seen_by_its_account_and_with_its_scope_alone(gateway: Gateway) -> None:
    accepted = await submit(gateway, images(1))
    path = accepted.headers["Location"]
    other = await create_key(gateway.settings, account="other")
    narrow = await create_key(gateway.settings, scopes=["ocr"])

    seen = [
        (await gateway.send("GET", path, headers={"X-API-Key": key})).status
        for key in (gateway.key, other, narrow)
    ]
    refused = await submit(gateway, images(1), key=narrow)

    assert seen == [200, 404, 404]
    assert refused.refusal == (403, "scope_missing")


@pytest.mark.parametrize(
    ("file", "kind", "texts", "refusal"),
    [
        (b"no ZIP", "archive", {}, (400, "malformed_form")),
        (images(3)[:80], "archive", {}, (400, "malformed_form")),
        (b"", "manifest", {}, (400, "invalid_parameter")),
        (b"x", "photos", {}, (400, "unknown_parameter")),
        (images(1), "archive", {"endpoint": "analyzed-text"}, (400, "invalid_parameter")),
        (images(1), "archive", {"parameters": '{"limit": 0}'}, (400, "invalid_parameter")),
        (images(1), "archive", {"parameters": '{"webhook": "x"}'}, (400, "invalid_parameter")),
        (images(1), "archive", {"parameters": "words"}, (400, "malformed_json")),
        (None, "archive", {}, (404, "missing_parameter")),
    ],
)
async def test_what_is_no_bulk_job_is_refused_and_leaves_nothing(
    gateway: Gateway, file: bytes | None, kind: str, texts: dict[str, Any], refusal: object
) -> None:
    engine = await open_database(gateway.settings.database_url)
    before = await bulks_of(engine, "tests")

    reply = await submit(gateway, file, kind=kind, **texts)

    assert reply.refusal == refusal
    assert await bulks_of(engine, "tests") == before
    await engine.dispose()


async def test_job_expires_behind_its_last_progress(tmp_path: Path, clock: Hands) -> None:
    async with alone(tmp_path, clock=clock, job_hours=1) as (gateway, _):
        accepted = await submit(gateway, images(3))
        await output(gateway, accepted)
        clock.now += timedelta(hours=2)
        gone = await gateway.get(accepted.headers["Location"])

    assert gone.status == 404
