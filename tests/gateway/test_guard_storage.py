"""Storage and erasure: what an account and the disks may hold, and what is kept of a request."""

import asyncio
import json
import stat
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.accounts import AccountStore
from gateway.accounts.erasure import erase_rows, forget_deleted, rows_left
from gateway.accounts.kept_urls import without_queries
from gateway.accounts.keys import KeyStore
from gateway.accounts.storage import Storage, StorageLimits
from gateway.database.engine import DatabaseUnavailable, check_writable, open_database, transaction
from gateway.database.tables import METADATA
from gateway.hosting.results import ResultStore, open_store
from gateway.jobs.outcomes import Outcome
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from servicekit.telemetry import DatabaseMetrics
from tests.gateway.bulks import manifest, output, submit
from tests.gateway.ended import ended
from tests.gateway.job_stores import add_job, job_store
from tests.gateway.origin import IMAGE, image_answer, listening
from tests.gateway.running import Gateway, Reply, Start, database_url, gateway_settings, running
from tests.gateway.servers import Server
from tests.gateway.services import COLORED
from tests.gateway.uploads import base64, defer, form_of, upload
from tests.gateway.uploads import ended as ended_job

DAY = timedelta(days=1)
CANARY = "canary-4d1f"
# A JPEG whose comment is the canary.
JPEG = b"\xff\xd8\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY.encode() + b"\xff\xd9"


def store_of(engine: AsyncEngine, folder: Path, limits: StorageLimits) -> ResultStore:
    return ResultStore(engine, open_store("", folder=folder), lifetime=DAY, storage=Storage(limits))


async def save(results: ResultStore, size_bytes: int, account: str = "ada") -> str:
    return await results.save(
        bytes(size_bytes), account=account, media_type="image/png", original_name="x.png"
    )


async def test_account_keeps_no_more_than_it_may(engine: AsyncEngine, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    results = store_of(engine, folder, StorageLimits(account_bytes=100))
    first = await save(results, 60)
    with pytest.raises(Problem, match="delete some") as refused:
        await save(results, 60)

    assert (refused.value.status, refused.value.code) == (507, "storage_full")
    await save(results, 60, account="bob")
    await results.delete(first, account="ada")
    await save(results, 60)
    assert len(names_in(folder)) == 2


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file()]


async def test_account_is_measured_once_for_many_files(engine: AsyncEngine, tmp_path: Path) -> None:
    """The sum over 100,000 results takes 20 ms."""
    asked: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    results = store_of(engine, tmp_path / "results", StorageLimits(account_bytes=100))

    for _ in range(9):
        await save(results, 10)
    with pytest.raises(Problem, match="delete some"):
        await save(results, 20)

    assert len([statement for statement in asked if "sum(" in statement]) == 2


async def test_answers_of_jobs_count(engine: AsyncEngine) -> None:
    jobs = job_store(engine, storage=Storage(StorageLimits(account_bytes=10)))
    await jobs.keep(await add_job(jobs), 0, Outcome(200, b"x" * 20), None)

    with pytest.raises(Problem, match="the limit is"):
        await jobs.check_room("ada", input_bytes=1)


async def test_kept_answers_count_and_nothing_is_charged(start: Start) -> None:
    body = {"text": "x" * 40_000}
    async with start(account_storage_mib=1) as gateway:
        replies = [
            await gateway.post("analyzed-text", body, Idempotency_Key=str(number))
            for number in range(28)
        ]

    assert [reply.status for reply in replies[:20]] == [200] * 20
    assert replies[-1].refusal == (507, "storage_full")


async def test_full_disk_is_507_and_seen_in_readyz(start: Start) -> None:
    async with start(min_free_mib=2**30) as gateway:
        colorized = await gateway.look("colorize")
        classified = await gateway.look("classify")
        ready = await gateway.send("GET", "/readyz")

    assert colorized.refusal == (507, "storage_full")
    assert classified.status == 200
    assert ready.json["full"] == ["database", "results"]


async def write_much(engine: AsyncEngine) -> None:
    """Write more than fits into the pages that are there."""
    await check_writable(engine)
    async with transaction(engine) as connection:
        for number in range(500):
            row = {"name": f"{number}-{'x' * 90}"}
            await connection.execute(
                text("INSERT INTO accounts VALUES (:name, 1, '2026-01-01')"), row
            )


@pytest.mark.parametrize(
    ("pragma", "state"),
    [("max_page_count=1", "database full"), ("query_only=ON", "database read-only")],
)
async def test_database_that_cannot_be_written_is_not_ready(
    tmp_path: Path, pragma: str, state: str
) -> None:
    registry = CollectorRegistry()
    engine = await open_database(database_url(tmp_path), metrics=DatabaseMetrics(registry))

    def restrict(connection: DBAPIConnection, *_: object) -> None:
        connection.cursor().execute(f"PRAGMA {pragma}")

    event.listen(engine.sync_engine, "checkout", restrict)
    with pytest.raises(DatabaseUnavailable) as away:
        await write_much(engine)
    await engine.dispose()

    assert away.value.state == state
    assert registry.get_sample_value("imagemesh_database_failures_total", {"state": state}) == 1
    for held in ("in use", "waiting"):
        assert registry.get_sample_value("imagemesh_database_connections", {"state": held}) == 0


async def test_fetches_files_and_transactions_are_counted(start: Start) -> None:
    async with start() as gateway:
        good = await gateway.look("colorize")
        await gateway.post("colorize", {"url": "http://192.0.2.1/a.png"})
        page = (await gateway.send("GET", "/metrics")).body.decode()

    assert good.status == 200
    assert 'imagemesh_fetch_seconds_count{outcome="ok"} 1.0' in page
    assert 'imagemesh_fetch_seconds_count{outcome="forbidden_url"} 1.0' in page
    assert f"imagemesh_fetch_bytes_total {len(IMAGE)}.0" in page
    assert f"imagemesh_storage_bytes_total {len(COLORED)}.0" in page
    assert 'imagemesh_storage_free_bytes{folder="results"}' in page
    assert 'imagemesh_database_connections{state="in use"}' in page
    assert "imagemesh_database_seconds_count" in page


def test_queries_are_cut_from_urls_alone() -> None:
    kept = {"result": {"url": "https://a/b.png?X-Sig=1", "text": "why?"}, "n": [1.5, None]}

    cut = json.loads(without_queries(json.dumps(kept).encode()))

    assert cut == {"result": {"url": "https://a/b.png", "text": "why?"}, "n": [1.5, None]}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_nothing_of_an_account_is_left(url: str, tmp_path: Path) -> None:
    engine = await open_database(url)
    await KeyStore(engine).create("ada")
    await KeyStore(engine).create("bob")
    await AccountStore(engine).credit("ada", 5)

    await erase_rows(engine, "ada")
    await forget_deleted(engine)
    ada, bob = await rows_left(engine, "ada"), await rows_left(engine, "bob")
    await engine.dispose()

    assert set(ada.values()) == {0}
    assert (bob["api_keys"], bob["accounts"]) == (1, 1)
    assert set(ada) == set(METADATA.tables)
    assert b"ada" not in (tmp_path / "gateway.db").read_bytes()


async def fill(settings: GatewaySettings) -> None:
    """Leave canaries in every kind of thing that is kept, and a webhook that never arrives."""
    async with running(settings) as gateway, listening(image_answer(JPEG)) as origin:
        url = origin.url(f"/photo.jpg?{CANARY}=1")
        await gateway.post("colorize", {"url": url}, Idempotency_Key=CANARY)
        await gateway.post("ocr", {"url": url}, Idempotency_Key="k")
        hook = {"webhook": f"http://127.0.0.1:1/{CANARY}?{CANARY}"}
        await ended_job(gateway, await defer(gateway, "ocr", {"url": url, **hook}))
        lines = manifest({"url": url}, {"url": url, "more": CANARY})
        accepted = await submit(gateway, lines, kind="manifest", endpoint="analyzed-ocr")
        told = await output(gateway, accepted)
        assert CANARY not in str(told)
        await gateway.post("analyzed-text", {"text": CANARY}, Idempotency_Key="t")
        await upload(gateway, "colorize", form_of(JPEG, f"{CANARY}.jpg"))


async def leave_waiting(settings: GatewaySettings) -> None:
    """Leave jobs with canaries that nobody works on, one of them a batch."""
    async with running(settings) as gateway:
        image = {"image": base64(JPEG)}
        text = {"endpoint": "analyzed-text", "text": CANARY}
        await defer(gateway, "ocr", {**image, "webhook": f"http://127.0.0.1:1/?{CANARY}"})
        await defer(gateway, "batch", {"requests": [text]}, Idempotency_Key="b")


def found(*folders: Path) -> list[str]:
    """Return the names of the files with a canary in them, or in their names."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    canaries = (CANARY.encode(), base64(JPEG)[8:20].encode())
    return [
        file.name
        for file in files
        if any(canary in file.name.encode() + file.read_bytes() for canary in canaries)
    ]


async def test_canaries_are_gone_after_erasure(
    addresses: dict[str, str],
    tmp_path: Path,
    nats: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changes = {"webhook_secret": "s" * 32, "webhook_allow": "127.0.0.0/8"}
    settings = gateway_settings(tmp_path, **addresses, **changes)
    await fill(settings)
    await leave_waiting(settings.model_copy(update={"job_worker": False}))
    before = found(tmp_path)
    logs = capsys.readouterr().out
    monkeypatch.setenv("GATEWAY_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("GATEWAY_RESULTS_DIR", str(settings.results_dir))

    counted, done = await in_thread(capsys, ["erase", "tests"], ["erase", "tests", "--yes"])

    assert "gateway.db" in before
    assert len(before) >= 4  # the database, a result, and the inputs of two jobs
    assert "would be deleted" in counted
    assert done.endswith("nothing is left\n")
    assert found(tmp_path, nats.folder) == []
    assert names_in(settings.results_dir) == []
    assert '"event": "request"' in logs
    assert CANARY not in logs


async def in_thread(capsys: pytest.CaptureFixture[str], *argvs: list[str]) -> list[str]:
    """Run commands beside the event loop of this test and return what they printed."""
    return [(await asyncio.to_thread(ended, ["accounts", *argv], capsys)).out for argv in argvs]


def test_files_of_a_command_are_for_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url(tmp_path))
    ended(["accounts", "create", "ada"], capsys)

    assert stat.S_IMODE((tmp_path / "gateway.db").stat().st_mode) == 0o600


IMAGES = ["colorize", "ocr", "analyzed-ocr", "emotions", "classify", "nudity"]


async def ask_everything(gateway: Gateway) -> list[Reply]:
    """Send the canary in every form to every endpoint."""
    image = {"image": base64(JPEG)}
    replies = []
    for endpoint in IMAGES:
        async with listening(image_answer(JPEG)) as origin:
            url = origin.url(f"/{CANARY}.jpg?{CANARY}")
            replies.append(await gateway.post(endpoint, {"url": url}))
        replies.append(await gateway.post(endpoint, {**image, "details": True}))
        replies.append(await upload(gateway, endpoint, form_of(JPEG, f"{CANARY}.jpg")))
        replies.append(await gateway.post(endpoint, image, Prefer="respond-async"))
    items = [{"endpoint": endpoint, **image} for endpoint in IMAGES]
    replies.append(await gateway.post("batch", {"requests": items}))
    replies.append(await gateway.post("analyzed-text", {"text": CANARY}))
    return replies


async def ask_wrongly(gateway: Gateway) -> None:
    """Fail with the canary in all kinds of places."""
    image = {"image": base64(JPEG)}
    await gateway.post("ocr", {**image, "lang": CANARY})
    await gateway.post("ocr", {"image": CANARY, CANARY: CANARY})
    await gateway.post("classify", {"url": f"http://{CANARY}.example/{CANARY}"})
    await gateway.post("classify", {"url": f"http://127.0.0.1:1/{CANARY}"})
    await gateway.look("classify", b"bug" + CANARY.encode())
    await gateway.look("classify", b"bug")
    await upload(gateway, "classify", form_of(CANARY.encode(), CANARY))
    hook = {**image, "webhook": f"http://{CANARY}.example/?{CANARY}"}
    await gateway.post("classify", hook, Prefer="respond-async", Idempotency_Key=CANARY)
    await gateway.post(f"classify?{CANARY}", image, Authorization=CANARY)
    await gateway.get(f"/api/v1/jobs/{CANARY}")
    await gateway.get(f"/content/colorized/{CANARY}?{CANARY}")


async def test_nothing_of_a_request_is_on_disk_or_in_logs_of_a_gateway_that_keeps_nothing(
    start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with start(zero_retention=True, log_level="debug") as gateway:
        replies = await ask_everything(gateway)
        await ask_wrongly(gateway)
        while_running = found(tmp_path)
    logs = capfd.readouterr().out

    assert [reply.status for reply in replies] == [200] * len(replies)
    assert '"event": "request"' in logs
    assert CANARY not in logs
    assert base64(JPEG)[8:20] not in logs
    assert (while_running, found(tmp_path)) == ([], [])
    assert list((tmp_path / "results").iterdir()) == []


async def test_gateway_that_keeps_nothing_answers_inline_and_refuses_what_it_would_keep(
    start: Start,
) -> None:
    body = {"image": base64(IMAGE)}
    async with start(zero_retention=True) as gateway:
        colored = await gateway.look("colorize")
        late = await gateway.post("nudity", body, Prefer="respond-async")
        hook = {**body, "webhook": "http://a.example/"}
        hooked = await gateway.post("nudity", hook, Prefer="respond-async")
        keyed = await gateway.post("nudity", body, Idempotency_Key="1")

    prefix, _, content = colored.json["result"]["colorized"].partition(",")
    assert prefix == "data:image/jpeg;base64"
    assert b64decode(content) == COLORED
    assert late.status == 200
    assert "Preference-Applied" not in late.headers
    assert hooked.refusal == (400, "invalid_parameter")
    assert "keeps nothing" in hooked.message
    assert keyed.refusal == (400, "invalid_idempotency_key")
