"""Results in a bucket, which a server written by hand keeps."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.hosting.results import open_store
from tests.gateway.bucket import BUCKET, in_bucket
from tests.gateway.running import Gateway, gateway_settings, running
from tests.gateway.services import COLORED


@pytest.fixture
async def gateway(addresses: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    """Return a gateway that keeps its results in the bucket."""
    with in_bucket():
        settings = gateway_settings(tmp_path, **addresses, results_url=BUCKET)
        async with running(settings) as found:
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
