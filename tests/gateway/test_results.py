"""Hosted results: their names, how they are served, and when they are gone."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database.tables import RESULTS
from gateway.hosting.results import ResultStore, open_store
from tests.gateway.running import (
    Gateway,
    Hands,
    Reply,
    Start,
    create_key,
    database_url,
)
from tests.gateway.services import COLORED

LIFETIME = timedelta(days=30)
SECOND = timedelta(seconds=1)
ENOUGH_S = 20  # far beyond what a sweep of one file takes


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def results(engine: AsyncEngine, folder: Path, clock: Hands) -> ResultStore:
    return ResultStore(engine, open_store("", folder=folder), lifetime=LIFETIME, clock=clock)


async def save(results: ResultStore, name: str = "photo.jpg") -> str:
    return await results.save(COLORED, account="ada", media_type="image/jpeg", original_name=name)


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def count_rows(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(
            (await connection.execute(select(func.count()).select_from(RESULTS))).scalar_one()
        )


async def test_names_cannot_be_guessed_from_one_another(results: ResultStore) -> None:
    names = [await save(results) for _ in range(20)]

    tokens = [re.fullmatch("([0-9a-f]{32})-photo.jpeg", name) for name in names]
    assert len({token[1] for token in tokens if token}) == 20


@pytest.mark.parametrize(
    ("original", "kept"),
    [
        ("photo.jpg", "photo"),
        ("Grandma 1950.final.PNG", "Grandma-1950.final"),
        ("../../etc/passwd", "passwd"),
        ("..", "image"),
        ("...jpg", "image"),
        (".htaccess", "htaccess"),
        ("", "image"),
        ("/", "image"),
        ("фото.jpg", "image"),
        ("été.jpg", "t"),
        ("a\x00b\r\nSet-Cookie: x.jpg", "a-b-Set-Cookie-x"),
        ("x" * 300 + ".jpg", "x" * 60),
        ('"><script>.svg', "script"),
    ],
)
async def test_name_keeps_what_is_safe_of_the_original(
    results: ResultStore, folder: Path, original: str, kept: str
) -> None:
    name = await save(results, original)

    assert name[32:] == f"-{kept}.jpeg"
    assert names_in(folder) == [name]


async def test_png_keeps_its_extension(results: ResultStore) -> None:
    name = await results.save(
        b"\x89PNG", account="ada", media_type="image/png", original_name="x.jpg"
    )

    assert name.endswith("-x.png")


async def test_image_whose_file_is_gone_is_none_and_can_be_deleted(
    results: ResultStore, folder: Path
) -> None:
    name = await save(results)
    (folder / name).unlink()

    assert await results.open(name) is None
    assert await results.delete(name, account="ada")


async def test_deleted_image_leaves_neither_file_nor_row(
    results: ResultStore, engine: AsyncEngine, folder: Path, clock: Hands
) -> None:
    name = await save(results)

    clock.now += LIFETIME
    assert not await results.delete(name, account="ada")
    clock.now -= SECOND
    assert await results.delete(name, account="ada")
    assert names_in(folder) == []
    assert await count_rows(engine) == 0


async def test_sweep_deletes_file_and_row_of_what_has_expired(
    results: ResultStore, engine: AsyncEngine, folder: Path, clock: Hands
) -> None:
    await save(results, "old.jpg")
    clock.now += SECOND
    young = await save(results, "young.jpg")
    clock.now += LIFETIME - SECOND

    count = await results.sweep()

    assert count == 1
    assert names_in(folder) == [young]
    assert await count_rows(engine) == 1


async def test_sweep_goes_on_where_a_file_is_gone_already(
    results: ResultStore, engine: AsyncEngine, folder: Path, clock: Hands
) -> None:
    name = await save(results)
    await save(results)
    (folder / name).unlink()
    clock.now += LIFETIME

    assert await results.sweep() == 2
    assert await count_rows(engine) == 0


async def test_sweep_leaves_nothing_behind_however_much_has_expired(
    results: ResultStore, engine: AsyncEngine, clock: Hands
) -> None:
    """A mesh that makes more in an hour than one step of the sweep deletes must not fill up."""
    row = {"account": "ada", "media_type": "image/jpeg", "expires_at": clock.now}
    async with engine.begin() as connection:
        await connection.execute(insert(RESULTS), [{**row, "name": str(n)} for n in range(2500)])

    assert await results.sweep() == 2500
    assert await count_rows(engine) == 0


async def colorized(gateway: Gateway) -> str:
    """Color an image and return the path of the result."""
    reply = await gateway.look("colorize")
    return str(reply.json["result"]["colorized"].removeprefix(gateway.url))


async def test_result_is_served_to_whoever_knows_its_url(gateway: Gateway) -> None:
    path = await colorized(gateway)

    reply = await gateway.send("GET", path)

    assert (reply.status, reply.body) == (200, COLORED)
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Disposition"] == "inline"
    kept = re.fullmatch(r"private, max-age=(\d+)", reply.headers["Cache-Control"])
    assert kept is not None
    assert 30 * 86_400 - 60 < int(kept[1]) <= 30 * 86_400


async def test_head_of_a_result_has_no_body(gateway: Gateway) -> None:
    reply = await gateway.send("HEAD", await colorized(gateway))

    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "image/jpeg", b"")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "..",
        "../gateway.db",
        "..%2fgateway.db",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/gateway.db",
        "..%5cgateway.db",
        "%00",
        "%ff",
        "%2fetc%2fpasswd",
        "x" * 5000,
    ],
)
async def test_name_that_is_none_or_a_path_is_404(gateway: Gateway, name: str) -> None:
    reply = await gateway.send("GET", f"/content/colorized/{name}")

    assert reply.refusal == (404, "not_found")


async def delete(gateway: Gateway, name: str, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.send("DELETE", f"/api/v1/results/{name}", headers=sent)


async def test_result_is_deleted_by_its_owner_alone(gateway: Gateway) -> None:
    path = await colorized(gateway)
    name = path.rpartition("/")[2]
    other = await create_key(gateway.settings, account="somebody else")

    assert (await delete(gateway, name)).refusal == (401, "missing_api_key")
    assert (await delete(gateway, name, X_API_Key=other)).refusal == (404, "not_found")
    assert (await gateway.send("GET", path)).status == 200
    assert (await delete(gateway, name, X_API_Key=gateway.key)).status == 204
    assert (await delete(gateway, name, X_API_Key=gateway.key)).refusal == (404, "not_found")
    assert (await gateway.send("GET", path)).refusal == (404, "not_found")


@pytest.mark.parametrize("name", ["x", "..%2fgateway.db", "%00", "x" * 5000])
async def test_unknown_result_cannot_be_deleted(gateway: Gateway, name: str) -> None:
    reply = await delete(gateway, name, X_API_Key=gateway.key)

    assert reply.refusal == (404, "not_found")


async def test_request_may_ask_for_a_shorter_life(gateway: Gateway) -> None:
    reply = await gateway.look("colorize", expires_in_s=60)

    path = reply.json["result"]["colorized"].removeprefix(gateway.url)
    served = await gateway.send("GET", path)
    assert 0 < int(served.headers["Cache-Control"].rpartition("=")[2]) <= 60


@pytest.mark.parametrize("seconds", [59, 0, -1, 60.5, "60", 30 * 86_400 + 1])
async def test_life_that_is_too_short_or_too_long_is_400(gateway: Gateway, seconds: object) -> None:
    reply = await gateway.look("colorize", expires_in_s=seconds)

    assert reply.refusal == (400, "invalid_parameter")
    assert "'expires_in_s'" in reply.json["error"]["message"]


async def test_result_is_served_to_the_last_second_of_its_life(
    start: Start, tmp_path: Path, clock: Hands
) -> None:
    async with start(clock=clock, result_days=1) as gateway:
        path = await colorized(gateway)
        clock.now += timedelta(days=1) - SECOND
        last = await gateway.send("GET", path)
        clock.now += SECOND
        gone = await gateway.send("GET", path)

    assert last.headers["Cache-Control"] == "private, max-age=1"
    assert gone.refusal == (404, "not_found")
    assert "expired" in gone.message
    assert len(names_in(tmp_path / "results")) == 1


async def test_start_sweeps_what_expired_while_nothing_ran(
    start: Start, tmp_path: Path, clock: Hands
) -> None:
    async with start(clock=clock) as gateway:
        await colorized(gateway)
    clock.now += LIFETIME

    async with start(clock=clock) as gateway, asyncio.timeout(ENOUGH_S):
        while names_in(tmp_path / "results"):
            await gateway.send("GET", "/healthz")
