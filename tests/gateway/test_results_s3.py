"""Results in a bucket of a real S3-compatible server: moto's, where it is installed."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.hosting.results import open_store
from tests.gateway.bulks import archive, output, submit
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Start, gateway_settings, running
from tests.gateway.services import COLORED

ENOUGH_S = 60  # far beyond a start of Python
BUCKET = "s3://results/colored"
SOURCE = "s3://results/images"


@pytest.fixture(scope="module")
async def bucket() -> AsyncIterator[str]:
    """Run the server, make the bucket, and return the server's URL."""
    program = shutil.which("moto_server")
    if program is None:
        pytest.skip("moto_server is not on this machine: pip install 'moto[s3,server]'")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(port), stdout=silent, stderr=silent
    )
    try:
        async with asyncio.timeout(ENOUGH_S):
            await make_bucket(f"{url}/results")
        yield url
    finally:
        process.terminate()
        await process.wait()


async def make_bucket(url: str) -> None:
    """Ask for the bucket until somebody answers."""
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.put(url) as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectionError:
                continue


@pytest.fixture
async def gateway(
    bucket: str, addresses: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    """Return a gateway that keeps its results in the bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    changes = {"results_url": BUCKET, "bulk_sources": f"*={SOURCE}"}
    async with running(gateway_settings(tmp_path, **addresses, **changes)) as found:
        yield found


async def colorized(gateway: Gateway) -> str:
    reply = await gateway.look("colorize")
    assert reply.status == 200, reply.body
    return str(reply.json["result"]["colorized"].removeprefix(gateway.url))


async def test_result_is_served_from_the_bucket(gateway: Gateway, tmp_path: Path) -> None:
    reply = await gateway.send("GET", await colorized(gateway))

    assert (reply.status, reply.body) == (200, COLORED)
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert not (tmp_path / "results").exists()


async def test_result_in_the_bucket_can_be_asked_about(gateway: Gateway) -> None:
    url = gateway.url + await colorized(gateway)

    assert (await gateway.post("classify", {"url": url})).status == 200


async def test_deleted_result_is_gone_from_the_bucket(gateway: Gateway) -> None:
    path = await colorized(gateway)
    name = path.rpartition("/")[2]
    store = open_store(BUCKET, folder=Path())

    there = await store.head_async(name)
    reply = await gateway.send(
        "DELETE", f"/api/v1/results/{name}", headers={"X-API-Key": gateway.key}
    )

    assert there["size"] == len(COLORED)
    assert reply.status == 204
    with pytest.raises(FileNotFoundError):
        await store.head_async(name)


async def test_bucket_that_is_away_is_503(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    async with start(results_url=BUCKET) as away:
        reply = await away.look("colorize")

    assert reply.refusal == (503, "unavailable")
    assert "127.0.0.1" not in reply.json["error"]["message"]


async def test_bulk_job_reads_a_bucket_and_keeps_its_files_in_one(
    gateway: Gateway, bucket: str
) -> None:
    async with aiohttp.ClientSession() as http:
        for number in range(12):
            url = f"{bucket}/results/images/new/{number:02}.gif"
            async with http.put(url, data=IMAGE) as response:
                assert response.status == 200
    accepted = await submit(gateway, source=f"{SOURCE}/new/")
    listed = await output(gateway, accepted)
    packed = await submit(gateway, archive({f"{n}.gif": IMAGE for n in range(30)}))
    unpacked = await output(gateway, packed)
    for job in (accepted, packed):
        headers = {"X-API-Key": gateway.key}
        await gateway.send("DELETE", job.headers["Location"], headers=headers)
    left = [entry["path"] for page in open_store(BUCKET, folder=Path()).list() for entry in page]

    assert [line["name"] for line in listed] == [f"{number:02}.gif" for number in range(12)]
    assert {line["status"] for line in (*listed, *unpacked)} == {200}
    assert [path for path in left if path.startswith("bulk-jobs")] == []
