"""`imagemesh bulk` and `AsyncClient.bulk` against a real gateway, and what they keep to resume."""

import json
from pathlib import Path
from typing import Any

import pytest

from imagemesh.client.client import AsyncClient
from imagemesh.client.errors import ApiError, InvalidInput
from tests.client.conftest import Run
from tests.client.scripted import PNG
from tests.gateway.running import Gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of 25 images, and of what is no image."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for number in range(25):
        (folder / "sub" / f"{number:02}.png").write_bytes(PNG)
    (folder / "words.txt").write_text("words")
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7")  # not for classify
    return folder


def lines_of(path: Path) -> list[Any]:  # Any: JSON
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_output_has_a_line_for_each_image_of_a_folder(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"

    ended = await run("bulk", "classify", folder, "--output", output, "--set", "limit=1")

    assert (ended.code, ended.out) == (0, f"25 items, 0 failed: {output}\n")
    lines = lines_of(output)
    assert [line["name"] for line in lines] == [f"sub/{number:02}.png" for number in range(25)]
    assert {len(line["body"]["result"]) for line in lines} == {1}
    assert names_in(tmp_path) == ["api-key", "out.jsonl", "photos"]


async def test_failed_items_are_told_by_the_exit_code(run: Run, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"words")
    output = folder.parent / "out.jsonl"

    ended = await run("bulk", "classify", folder, "--output", output, "--json")

    assert ended.code == 1
    assert json.loads(ended.out)["result"]["failed"] == 1


async def test_dry_run_tells_the_price(run: Run, folder: Path) -> None:
    ended = await run("bulk", "classify", folder, "--dry-run")

    assert (ended.code, ended.out) == (0, "25 items, 25 credits\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyzed-text", "--dry-run"], "'analyzed-text' is no endpoint of images"),
        (["classify"], "name a file with --output, or give --dry-run"),
        (["classify", "--dry-run", "--set", "limit"], "'limit' is no NAME=VALUE"),
    ],
)
async def test_wrong_arguments_are_told(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    endpoint, *options = arguments

    ended = await run("bulk", endpoint, folder, *options)

    assert ended.code == 2
    assert message in ended.err


async def test_job_that_was_begun_is_resumed(gateway: Gateway, folder: Path) -> None:
    output = folder.parent / "out.jsonl"
    state = output.with_name("out.jsonl.bulk")
    told: list[str] = []

    class Stopped(Exception):
        """The caller goes away as soon as the job is there."""

    def stop(bulk: Any) -> None:
        told.append(bulk.id)
        raise Stopped

    async with AsyncClient(gateway.url, key=gateway.key) as client:
        with pytest.raises(Stopped):
            await client.bulk("classify", folder).save(output, tell=stop)
        kept = json.loads(state.read_bytes())
        state.write_text(json.dumps({**kept, "url": None}))  # as before the answer came
        bulk = await client.bulk("classify", folder).save(output, tell=lambda _: None)
        listed = (await gateway.get("/api/v1/bulk")).json["result"]["jobs"]

    assert told == [bulk.id]
    assert [job["id"] for job in listed].count(bulk.id) == 1
    assert len(lines_of(output)) == 25


async def test_other_work_does_not_resume_a_job(gateway: Gateway, folder: Path) -> None:
    output = folder.parent / "out.jsonl"
    output.with_name("out.jsonl.bulk").write_text('{"work": "other", "key": "x"}')

    async with AsyncClient(gateway.url, key=gateway.key) as client:
        with pytest.raises(InvalidInput, match="another bulk job"):
            await client.bulk("classify", folder).save(output, tell=lambda _: None)
        with pytest.raises(InvalidInput, match=r"no folder, \.zip"):
            client.bulk("classify", folder / "words.txt")


async def test_refusal_comes_before_the_upload(gateway: Gateway, folder: Path) -> None:
    async with AsyncClient(gateway.url, key=gateway.key) as client:
        with pytest.raises(ApiError, match="limit"):
            await client.bulk("classify", folder, limit=0).estimate()
    async with AsyncClient(gateway.url, key="wrong") as client:
        with pytest.raises(ApiError) as refused:
            await client.bulk("classify", folder).estimate()

    assert refused.value.status == 401
