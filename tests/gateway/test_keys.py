"""API keys: their form, what is kept of them, and when they stop to be good."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database import KEYS, open_database
from gateway.keys import KeyStore, generate_key, key_id, utc_now
from gateway.problems import Problem
from tests.gateway.clocks import Hands
from tests.gateway.running import Gateway, database_url, gateway_settings, running

# A key written down: its checksum must never change, or every key in use is refused.
KNOWN_KEY = "im_live_aB3dE6gH_0123456789abcdefghijABCDEFGHIJKL_b3KwDn"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    opened = await open_database(database_url(tmp_path))
    yield opened
    await opened.dispose()


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def keys(engine: AsyncEngine, clock: Hands) -> KeyStore:
    return KeyStore(engine, clock=clock)


async def refusal(keys: KeyStore, key: str | None) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        await keys.check(key)
    return caught.value.status, caught.value.code, str(caught.value)


def test_key_has_the_form_that_scanners_look_for() -> None:
    key = generate_key()

    assert re.fullmatch("im_live_[A-Za-z0-9]{8}_[A-Za-z0-9]{32}_[A-Za-z0-9]{6}", key)
    assert key_id(key) == key.split("_")[2]


def test_checksum_of_a_key_never_changes() -> None:
    assert key_id(KNOWN_KEY) == "aB3dE6gH"


def test_keys_differ_in_every_part() -> None:
    parts = [generate_key().split("_")[2:] for _ in range(100)]

    assert [len(set(column)) for column in zip(*parts, strict=True)] == [100, 100, 100]


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


async def test_good_key_names_its_account(keys: KeyStore, clock: Hands) -> None:
    key = await keys.create("ada")

    found = await keys.check(key)

    assert (found.account, found.id, found.created_at) == ("ada", key_id(key), clock.now)
    assert found.expires_at is None
    assert found.revoked_at is None


async def test_account_may_have_several_keys(keys: KeyStore) -> None:
    first, second = await keys.create("ada"), await keys.create("ada")

    assert {(await keys.check(key)).account for key in (first, second)} == {"ada"}
    assert {key.id for key in await keys.list_keys()} == {key_id(first), key_id(second)}


@pytest.mark.parametrize("key", [None, ""])
async def test_no_key_says_where_it_goes(keys: KeyStore, key: str | None) -> None:
    status, code, message = await refusal(keys, key)

    assert (status, code) == (401, "missing_api_key")
    assert "X-API-Key" in message


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


async def test_key_is_good_until_it_expires(keys: KeyStore, clock: Hands) -> None:
    key = await keys.create("ada", expires_in=timedelta(days=1))

    clock.now += timedelta(days=1) - timedelta(seconds=1)
    assert (await keys.check(key)).account == "ada"
    clock.now += timedelta(seconds=1)
    assert (await refusal(keys, key))[1] == "invalid_api_key"


async def test_key_is_revoked_once_and_keeps_the_time(keys: KeyStore, clock: Hands) -> None:
    key = await keys.create("ada")
    name = str(key_id(key))
    when = clock.now

    first = await keys.revoke(name)
    clock.now += timedelta(days=1)
    second = await keys.revoke(name)

    assert (first, second) == (True, False)
    assert [listed.revoked_at for listed in await keys.list_keys()] == [when]


async def test_unknown_key_cannot_be_revoked(keys: KeyStore) -> None:
    assert not await keys.revoke("aB3dE6gH")


async def test_database_holds_no_secret(keys: KeyStore, tmp_path: Path) -> None:
    key = await keys.create("ada")
    await keys.check(key)

    secret = key.split("_")[3].encode()
    stored = everything_in(tmp_path)
    assert b"ada" in stored
    assert secret not in stored


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_two_processes_add_keys_at_once(tmp_path: Path) -> None:
    """Two engines on one file: each waits for the other, and no table is made twice."""
    engines = await asyncio.gather(*(open_database(database_url(tmp_path)) for _ in range(2)))
    stores = [KeyStore(engine) for engine in engines]

    added = await asyncio.gather(*(stores[turn % 2].create("ada") for turn in range(40)))
    listed = await stores[0].list_keys()
    accounts = [(await stores[1].check(key)).account for key in added]

    assert {key.id for key in listed} == {key_id(key) for key in added}
    assert accounts == ["ada"] * 40
    for engine in engines:
        await engine.dispose()


def test_time_is_utc_without_a_zone() -> None:
    assert utc_now().tzinfo is None


@pytest.mark.parametrize("header", [{}, {"X-API-Key": ""}])
async def test_request_without_a_key_is_401(gateway: Gateway, header: dict[str, str]) -> None:
    reply = await gateway.send("POST", "/api/v1/ocr", body=b"{}", headers=header)

    assert reply.refusal == (401, "missing_api_key")


@pytest.mark.parametrize("method_and_path", ["POST /api/v1/ocr", "GET /api/v1/languages"])
async def test_request_with_a_bad_key_is_401(gateway: Gateway, method_and_path: str) -> None:
    method, path = method_and_path.split()
    replies = [
        await gateway.send(method, path, headers={"X-API-Key": key})
        for key in ("nonsense", "\xe9", generate_key(), gateway.key + "x", "x" * 5000)
    ]

    assert {reply.refusal for reply in replies} == {(401, "invalid_api_key")}


async def test_key_revoked_by_another_process_is_refused_at_once(
    gateway: Gateway,
) -> None:
    engine = await open_database(gateway.settings.database_url)
    keys = KeyStore(engine)
    key = await keys.create("tests")
    before = await gateway.send("GET", "/api/v1/languages", headers={"X-API-Key": key})

    await keys.revoke(str(key_id(key)))
    after = await gateway.send("GET", "/api/v1/languages", headers={"X-API-Key": key})
    await engine.dispose()

    assert before.status == 200
    assert after.refusal == (401, "invalid_api_key")


async def test_request_with_a_key_that_expires_is_401_from_then_on(
    addresses: dict[str, str], tmp_path: Path, clock: Hands
) -> None:
    settings = gateway_settings(tmp_path, **addresses)
    engine = await open_database(settings.database_url)
    key = await KeyStore(engine, clock=clock).create("ada", expires_in=timedelta(days=1))
    await engine.dispose()
    header = {"X-API-Key": key}

    async with running(settings, clock=clock) as gateway:
        before = await gateway.send("GET", "/api/v1/languages", headers=header)
        clock.now += timedelta(days=1)
        after = await gateway.send("GET", "/api/v1/languages", headers=header)

    assert before.status == 200
    assert after.refusal == (401, "invalid_api_key")
