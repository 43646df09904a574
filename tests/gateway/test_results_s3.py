"""Results and bulk jobs in a bucket."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.bulks import archive, output, submit
from tests.gateway.origin import IMAGE
from tests.gateway.outages import BUCKET, Bucket, in_bucket
from tests.gateway.running import Gateway, Start
from tests.gateway.services import COLORED

SOURCE = "s3://results/images"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with in_bucket() as found:
        yield found


@pytest.fixture
async def gateway(bucket: Bucket, start: Start) -> AsyncIterator[Gateway]:
    """Return a gateway that keeps its results in the bucket."""
    assert bucket.objects == {}
    async with start(results_url=BUCKET, bulk_sources=f"*={SOURCE}") as found:
        yield found


async def test_result_is_served_asked_about_and_deleted(
    gateway: Gateway, bucket: Bucket, tmp_path: Path
) -> None:
    url = (await gateway.look("colorize")).json["result"]["colorized"]
    served = await gateway.send("GET", url.removeprefix(gateway.url))
    asked = await gateway.post("classify", {"url": url})
    kept = list(bucket.objects.values())
    path = f"/api/v1/results/{url.rpartition('/')[2]}"
    deleted = await gateway.send("DELETE", path, headers={"X-API-Key": gateway.key})

    assert (served.status, served.body, asked.status) == (200, COLORED, 200)
    assert served.headers["Content-Type"] == "image/jpeg"
    assert (kept, deleted.status, bucket.objects) == ([COLORED], 204, {})
    assert not (tmp_path / "results").exists()


async def test_bulk_job_reads_a_bucket_and_keeps_its_files_in_one(
    gateway: Gateway, bucket: Bucket
) -> None:
    names = [f"{number:02}.gif" for number in range(12)]
    source = {f"/results/images/new/{name}": IMAGE for name in names}
    bucket.objects.update(source)
    jobs = [
        await submit(gateway, source=f"{SOURCE}/new/"),
        await submit(gateway, archive({f"{n}.gif": IMAGE for n in range(30)})),
    ]
    listed, unpacked = [await output(gateway, job) for job in jobs]
    for job in jobs:
        path, headers = job.headers["Location"], {"X-API-Key": gateway.key}
        await gateway.send("DELETE", path, headers=headers)

    assert [line["name"] for line in listed] == names
    assert {line["status"] for line in (*listed, *unpacked)} == {200}
    assert bucket.objects == source
