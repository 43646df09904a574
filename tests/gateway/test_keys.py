"""API keys: their form, what is kept of them, and when they stop to be good."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.accounts.key_format import generate_key, key_id
from gateway.accounts.keys import KeyStore
from gateway.database.clock import utc_now
from gateway.database.engine import open_database
from gateway.database.tables import KEYS
from gateway.problems import Problem
from tests.gateway.running import Gateway, Hands, Start, database_url

# A key written down: its checksum must never change, or every key in use is refused.
KNOWN_KEY = "im_live_aB3dE6gH_0123456789abcdefghijABCDEFGHIJKL_b3KwDn"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url(tmp_path)


@pytest.fixture
def keys(engine: AsyncEngine, clock: Hands) -> KeyStore:
    return KeyStore(engine, clock=clock)


async def refusal(keys: KeyStore, key: str | None) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        await keys.check(key)
    return caught.value.status, caught.value.code, str(caught.value)


def test_keys_have_the_form_that_scanners_look_for_and_differ() -> None:
    keys = [generate_key() for _ in range(100)]

    for key in keys:
        assert re.fullmatch("im_live_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}_[A-Za-z0-9]{6}", key)
        assert key_id(key) == key.split("_")[2]
    columns = zip(*(key.split("_")[2:] for key in keys), strict=True)
    assert [len(set(column)) for column in columns] == [100, 100, 100]


def test_checksum_of_a_key_never_changes() -> None:
    assert key_id(KNOWN_KEY) == "aB3dE6gH"


def test_checksum_finds_every_single_typing_error() -> None:
    key = generate_key()
    places = [index for index, letter in enumerate(key) if letter != "_" and index > 7]

    wrong = [
        key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :] for place in places
    ]

    assert [key_id(typed) for typed in wrong] == [None] * 46


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key.upper(),
        lambda key: key[:-1],
        lambda key: key.replace("live", "test"),
        lambda _: "é" * 56,
    ],
)
def test_key_of_another_form_has_no_id(change: Callable[[str], str]) -> None:
    assert key_id(change(generate_key())) is None


async def test_every_bad_key_is_refused_in_the_same_words(keys: KeyStore, clock: Hands) -> None:
    """Otherwise the answer would tell which ids exist."""
    expired = await keys.create("ada", expires_in=timedelta(days=1))
    revoked = await keys.create("ada")
    await keys.revoke(revoked.split("_")[2])
    clock.now += timedelta(days=1)

    bad = ["nonsense", generate_key(), expired, revoked]
    answers = {await refusal(keys, key) for key in bad}

    assert answers == {(401, "invalid_api_key", "the API key is wrong, expired or revoked")}


async def test_key_whose_digest_differs_is_refused(keys: KeyStore, engine: AsyncEngine) -> None:
    """Form, checksum and id are right: only the digest tells a guessed secret from the real one."""
    guessed = generate_key()
    row = {"id": key_id(guessed), "account": "ada", "digest": "0" * 64, "created_at": utc_now()}
    async with engine.begin() as connection:
        await connection.execute(insert(KEYS).values(row))

    assert (await refusal(keys, guessed))[1] == "invalid_api_key"


async def test_key_is_revoked_once_and_keeps_the_time(keys: KeyStore, clock: Hands) -> None:
    key = await keys.create("ada")
    name = str(key_id(key))
    when = clock.now

    first = await keys.revoke(name)
    clock.now += timedelta(days=1)
    second = await keys.revoke(name)

    assert (first, second) == (True, False)
    assert [listed.revoked_at for listed in await keys.list_keys()] == [when]


async def test_database_holds_no_secret(keys: KeyStore, tmp_path: Path) -> None:
    key = await keys.create("ada")
    await keys.check(key)

    secret = key.split("_")[3].encode()
    stored = everything_in(tmp_path)
    assert b"ada" in stored
    assert secret not in stored


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


KEYED = [
    *(f"POST /api/v1/{path}" for path in ("ocr", "batch", "bulk")),
    *(f"GET /api/v1/{path}" for path in ("languages", "capabilities", "usage", "jobs", "jobs/x")),
]


@pytest.mark.parametrize("method_and_path", KEYED)
async def test_request_without_a_good_key_is_401(gateway: Gateway, method_and_path: str) -> None:
    method, path = method_and_path.split()
    none = [
        await gateway.send(method, path, headers=headers) for headers in ({}, {"X-API-Key": ""})
    ]
    bad = [
        await gateway.send(method, path, headers={"X-API-Key": key})
        for key in ("nonsense", "\xe9", generate_key(), gateway.key + "x", "x" * 5000)
    ]

    assert {reply.refusal for reply in none} == {(401, "missing_api_key")}
    assert "X-API-Key" in none[0].message
    assert {reply.refusal for reply in bad} == {(401, "invalid_api_key")}


async def test_key_revoked_by_another_process_lives_on_only_as_long_as_the_setting_says(
    engine: AsyncEngine, clock: Hands
) -> None:
    key = await KeyStore(engine, clock=clock).create("ada")
    caching = KeyStore(engine, clock=clock, cache_for=timedelta(seconds=5))
    await caching.check(key)

    await KeyStore(engine, clock=clock).revoke(str(key_id(key)))
    clock.now += timedelta(seconds=4.9)
    assert (await caching.check(key)).account == "ada"
    clock.now += timedelta(seconds=0.1)
    assert (await refusal(caching, key))[1] == "invalid_api_key"


async def test_old_key_lives_on_for_the_grace_period(keys: KeyStore, clock: Hands) -> None:
    old = await keys.create("ada", scopes=["ocr"])
    new = await keys.rotate(str(key_id(old)), grace=timedelta(hours=1))

    assert (await keys.check(new)).scopes == ("ocr",)
    clock.now += timedelta(hours=1) - timedelta(seconds=1)
    assert (await keys.check(old)).account == "ada"
    clock.now += timedelta(seconds=1)
    assert (await refusal(keys, old))[1] == "invalid_api_key"


async def test_rotation_keeps_an_earlier_end(keys: KeyStore, clock: Hands) -> None:
    old = await keys.create("ada", expires_in=timedelta(hours=1))
    new = await keys.rotate(str(key_id(old)), grace=timedelta(days=1))

    ends = {key.id: key.expires_at for key in await keys.list_keys()}

    assert ends == dict.fromkeys((key_id(old), key_id(str(new))), clock.now + timedelta(hours=1))


async def test_last_use_is_written_at_most_once_a_minute(keys: KeyStore, clock: Hands) -> None:
    key = await keys.create("ada")
    first = clock.now
    await keys.check(key)
    await keys.write_uses()
    for _ in range(2):
        clock.now += timedelta(seconds=30)
        await keys.check(key)
        await keys.write_uses()
        used = [listed.last_used_at for listed in await keys.list_keys()]
        assert used == [first if clock.now < first + timedelta(minutes=1) else clock.now]


async def test_gateway_writes_the_last_use_of_a_key_when_it_stops(start: Start) -> None:
    async with start() as gateway:
        await gateway.get("/api/v1/languages")

    engine = await open_database(gateway.settings.database_url)
    (key,) = await KeyStore(engine).list_keys()
    await engine.dispose()

    assert key.last_used_at is not None


async def test_request_with_a_key_that_expires_is_401_from_then_on(
    start: Start, keys: KeyStore, clock: Hands
) -> None:
    """Though it was believed to be good a moment ago."""
    key = await keys.create("ada", expires_in=timedelta(days=1))
    header = {"X-API-Key": key}

    async with start(clock=clock, key_cache_s=30) as gateway:
        clock.now += timedelta(days=1) - timedelta(seconds=1)
        before = await gateway.send("GET", "/api/v1/languages", headers=header)
        clock.now += timedelta(seconds=1)
        after = await gateway.send("GET", "/api/v1/languages", headers=header)

    assert before.status == 200
    assert after.refusal == (401, "invalid_api_key")
