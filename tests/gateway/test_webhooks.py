"""Webhooks: signed, repeated until they are taken, and never sent where no fetch may go."""

import asyncio
import base64 as base64_module
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.database.clock import utc_now
from gateway.database.engine import open_database
from gateway.fetching.addresses import parse_networks
from gateway.jobs.engine import WEBHOOKS, EngineOptions, running_engine
from gateway.jobs.publishing import Publisher
from gateway.jobs.pulling import Puller, PullLimits, pulling
from gateway.jobs.records import JobRecord
from gateway.jobs.store import JobStore
from gateway.jobs.webhooks import MAX_ATTEMPTS, Webhooks
from gateway.periodic import PeriodicTasks
from servicekit.telemetry import JobMetrics, PeriodicMetrics
from tests.gateway.fetchers import Names
from tests.gateway.job_stores import add_job, end_job, job_store
from tests.gateway.origin import Origin, listening
from tests.gateway.origin import redirect as redirecting
from tests.gateway.running import Gateway, Start, database_url, gateway_settings
from tests.gateway.servers import prefix_of
from tests.gateway.uploads import base64, defer

ENOUGH_S = 20  # far beyond what any of the waits below takes
SECRET = "a secret of more than 32 characters"  # noqa: S105 - of this test alone
LOOPBACK = "127.0.0.0/8"


@dataclass(slots=True)
class Receiver:
    """Answers each delivery with the next of its statuses, the last one from then on."""

    statuses: list[int]
    origin: Origin = field(init=False)
    bodies: list[bytes] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one delivery; an `Answer` of `listening`."""
        length = int(self.header(-1, "content-length"))
        body = await reader.readexactly(length)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % status)
        async with self.arrived:
            self.bodies.append(body)
            self.arrived.notify_all()

    def header(self, number: int, name: str) -> str:
        """Return a header of a delivery."""
        lines = self.origin.requests[number].decode().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines if ": " in line]
        return next(value for key, value in pairs if key.lower() == name)

    async def until(self, count: int) -> None:
        """Wait until so many deliveries have arrived."""
        async with self.arrived, asyncio.timeout(ENOUGH_S):
            await self.arrived.wait_for(lambda: len(self.bodies) >= count)


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(statuses))
    async with listening(receiver.answer) as origin:
        receiver.origin = origin
        yield receiver


@pytest.fixture
def hooked(start: Start) -> Start:
    """Return what runs a gateway that sends webhooks to loopback, and tries again at once."""
    return partial(start, webhook_secret=SECRET, webhook_allow=LOOPBACK, webhook_retry_s=0.001)


async def until_told(gateway: Gateway, path: str) -> dict[str, Any]:  # Any: JSON
    """Return the job when nothing is left to send."""
    async with asyncio.timeout(ENOUGH_S):
        while True:
            reply = await gateway.get(path)
            if reply.status == 429:  # asked more often than a key may
                continue
            job = reply.json["result"]
            if job["webhook"]["status"] != "pending":
                return dict(job)


def state(job: dict[str, Any]) -> tuple[str, list[int | None]]:  # Any: JSON
    """Return the state of a webhook, and the status of each delivery that was tried."""
    webhook = job["webhook"]
    assert webhook["attempts"] == len(webhook["log"])
    return webhook["status"], [attempt["status"] for attempt in webhook["log"]]


def body_of(receiver: Receiver) -> dict[str, object]:
    return {"image": base64(), "webhook": receiver.origin.url("/hook?x=1")}


async def test_ended_job_is_sent_and_signed(hooked: Start) -> None:
    async with hooked() as gateway, receiving(204) as receiver:
        accepted = await defer(gateway, "classify", body_of(receiver))
        await receiver.until(1)
        job = await until_told(gateway, accepted.headers["Location"])
        secret = (await gateway.get("/api/v1/webhook-secret")).json["result"]["secret"]

    sent = json.loads(receiver.bodies[0])["result"]
    assert receiver.origin.requests[0].startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert (sent["id"], sent["answer"]) == (job["id"], job["answer"])
    assert sent["webhook"] == {"status": "pending", "attempts": 0}
    assert state(job) == ("delivered", [204])
    assert_signed(receiver, secret, job=job["id"])


def assert_signed(receiver: Receiver, secret: str, *, job: str) -> None:
    """Check as a receiver does, after the specification of standardwebhooks.com."""
    key = base64_module.b64decode(secret.removeprefix("whsec_"))
    timestamp = receiver.header(0, "webhook-timestamp")
    signed = f"{job}.{timestamp}.".encode() + receiver.bodies[0]
    signature = base64_module.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert receiver.header(0, "webhook-id") == job
    assert receiver.header(0, "webhook-signature") == f"v1,{signature}"
    assert abs(datetime.now(UTC).timestamp() - int(timestamp)) < ENOUGH_S


async def test_failed_job_and_whole_batch_are_sent_once(hooked: Start) -> None:
    failing: dict[str, object] = {"image": base64(), "lang": "xxx"}
    items: dict[str, object] = {"requests": [{"endpoint": "nudity", "image": base64()}] * 3}
    async with hooked() as gateway, receiving(200) as receiver:
        for endpoint, body in {"ocr": failing, "batch": items}.items():
            sent = {**body, "webhook": receiver.origin.url()}
            accepted = await defer(gateway, endpoint, sent)
            await until_told(gateway, accepted.headers["Location"])

    failed, batch = (json.loads(body)["result"] for body in receiver.bodies)
    assert failed["status"] == "failed"
    assert batch["progress"] == {"done": 3, "total": 3}


async def test_delivery_that_fails_is_tried_again(
    hooked: Start,
) -> None:
    async with hooked() as gateway, receiving(500, 302, 200) as receiver:
        accepted = await defer(gateway, "classify", body_of(receiver))
        job = await until_told(gateway, accepted.headers["Location"])

    assert state(job) == ("delivered", [500, 302, 200])
    assert len({receiver.header(number, "webhook-id") for number in range(3)}) == 1


async def test_receiver_that_is_gone_hears_no_more(
    hooked: Start,
) -> None:
    async with hooked() as gateway, receiving(410) as receiver:
        accepted = await defer(gateway, "classify", body_of(receiver))
        job = await until_told(gateway, accepted.headers["Location"])

    assert state(job) == ("failed", [410])
    assert job["status"] == "succeeded"


async def test_redirect_is_not_followed(hooked: Start) -> None:
    async with (
        hooked() as gateway,
        receiving(200) as target,
        listening(redirecting(target.origin.url(), status=307)) as origin,
    ):
        body = {"image": base64(), "webhook": origin.url()}
        accepted = await defer(gateway, "classify", body)
        job = await until_told(gateway, accepted.headers["Location"])

        assert await target.origin.count_connections() == 0
    assert state(job) == ("failed", [307] * MAX_ATTEMPTS)


async def test_webhook_that_could_never_be_sent_is_refused_at_once(hooked: Start) -> None:
    """A name that leads to a private address is refused when it is looked up."""
    refusals = {
        "ftp://a.example/": "invalid_url",
        "http://user@a.example/": "invalid_url",
        "http://127.0.0.1/": "forbidden_url",
        "http://10.0.0.1/": "forbidden_url",
        "http://169.254.169.254/latest": "forbidden_url",
        "http://[::1]/": "forbidden_url",
        "http://0x7f000001/": "invalid_url",
        "http://8.8.8.8:8080/": "forbidden_url",
        "": "invalid_parameter",
        5: "invalid_parameter",
    }
    async with hooked(webhook_allow="") as gateway:
        for url, code in refusals.items():
            reply = await defer(gateway, "classify", {"image": base64(), "webhook": url})

            assert reply.refusal == (400, code)


async def test_webhook_needs_the_preference_and_a_secret(gateway: Gateway) -> None:
    body = {"image": base64(), "webhook": "http://a.example/"}
    now, later = await gateway.post("classify", body), await defer(gateway, "classify", body)
    secret = await gateway.get("/api/v1/webhook-secret")

    assert {reply.refusal for reply in (now, later, secret)} == {(400, "invalid_parameter")}
    assert "Prefer: respond-async" in now.message


@asynccontextmanager
async def due(
    folder: Path, url: str, *, allow: str, names: Names
) -> AsyncIterator[tuple[JobStore, JobRecord]]:
    """Send webhooks with names of the test's own, beginning with one for a job that has ended."""
    database = await open_database(database_url(folder))
    store = job_store(database)
    job = await end_job(store, await add_job(store, account="tests", webhook=url))
    webhooks = Webhooks(
        store,
        secret=SECRET,
        metrics=JobMetrics(CollectorRegistry()),
        allow=parse_networks(allow),
        retry_s=0.01,
        resolver=names,
    )
    tasks = PeriodicTasks(PeriodicMetrics(CollectorRegistry()))
    options = EngineOptions(
        gateway_settings(folder).nats_url, prefix_of(folder), replicas=1, ack_wait_s=30
    )
    async with running_engine(options, tasks) as engine, AsyncExitStack() as stack:
        limits = PullLimits(1, None, drain_s=0)
        puller = Puller(engine, WEBHOOKS, limits, webhooks.handle)
        await stack.enter_async_context(pulling(puller, tasks))
        await Publisher(engine, store).publish_webhook(job)
        yield store, job
    await webhooks.close()
    await database.dispose()


async def until_noted(store: JobStore, job: JobRecord) -> JobRecord:
    async with asyncio.timeout(ENOUGH_S):
        while True:
            found = await store.find(job.id, account="tests")
            assert found is not None
            if found.webhook_status != "pending":
                return found


@pytest.mark.parametrize("answers", [[["127.0.0.1"]], [["8.8.8.8", "127.0.0.1"]]])
async def test_name_of_a_private_address_is_never_dialled(
    tmp_path: Path, answers: list[list[str]]
) -> None:
    names = Names({"inside.example": answers})
    async with receiving(200) as receiver:
        url = f"http://inside.example:{receiver.origin.port}/"
        async with due(tmp_path, url, allow="", names=names) as (store, job):
            noted = await until_noted(store, job)

        assert await receiver.origin.count_connections() == 0
    assert names.asked == ["inside.example"]
    assert (noted.webhook_status, noted.webhook_attempts) == ("failed", 1)


async def test_name_that_is_allowed_is_dialled(tmp_path: Path) -> None:
    names = Names({"inside.example": [["127.0.0.1"]]})
    async with receiving(200) as receiver:
        url = f"http://inside.example:{receiver.origin.port}/"
        async with due(tmp_path, url, allow=LOOPBACK, names=names) as (store, job):
            noted = await until_noted(store, job)

    assert noted.webhook_status == "delivered"


async def test_webhook_is_still_sent_after_a_restart(hooked: Start, tmp_path: Path) -> None:
    async with receiving(200) as receiver:
        engine = await open_database(database_url(tmp_path))
        store = job_store(engine, clock=lambda: utc_now() - timedelta(minutes=1))
        url = receiver.origin.url()
        job = await end_job(store, await add_job(store, account="tests", webhook=url))
        await engine.dispose()

        async with hooked():
            await receiver.until(1)

    assert json.loads(receiver.bodies[0])["result"]["id"] == job.id


async def test_accounts_have_secrets_of_their_own(tmp_path: Path) -> None:
    engine = await open_database(database_url(tmp_path))
    webhooks = Webhooks(
        job_store(engine), secret=SECRET, metrics=JobMetrics(CollectorRegistry()), retry_s=1
    )
    first, second = webhooks.secret_of("ada"), webhooks.secret_of("bob")
    await webhooks.close()
    await engine.dispose()

    assert first != second
    assert SECRET not in first
    assert len(base64_module.b64decode(first.removeprefix("whsec_"))) == 32
