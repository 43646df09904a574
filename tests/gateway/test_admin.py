"""Keys and accounts over gRPC: each RPC on the port of a real gateway, and what it changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from contract.table import ENDPOINT_NAMES
from gateway.accounts.key_format import key_id
from gateway.accounts.keys import KeyStore
from imagemesh.admin.v1 import admin_service_pb2 as pb
from tests.gateway.administering import Admin, administering
from tests.gateway.outages import postgresql_away
from tests.gateway.running import Gateway, Hands, Reply


@pytest.fixture
async def admin(addresses: dict[str, str], tmp_path: Path) -> AsyncIterator[Admin]:
    async with administering(tmp_path, **addresses) as found:
        yield found


async def analyze(gateway: Gateway, key: str) -> Reply:
    return await gateway.post("analyzed-text", {"text": "hello"}, X_API_Key=key)


async def test_key_is_good_at_once_and_revoked_is_refused_at_once(admin: Admin) -> None:
    made = await admin.ask("CreateKey", pb.CreateKeyRequest(account="ada"))

    before = await analyze(admin.gateway, made.key)
    await admin.ask("RevokeKey", pb.RevokeKeyRequest(id=made.id))
    after = await analyze(admin.gateway, made.key)

    assert made.id == key_id(made.key)
    assert before.status == 200
    assert after.refusal == (401, "invalid_api_key")


async def test_another_gateway_refuses_a_revoked_key_when_its_cache_is_over(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    async with (
        administering(tmp_path, key_cache_s=0, **addresses) as one,
        administering(tmp_path, key_cache_s=0, **addresses) as other,
    ):
        made = await one.ask("CreateKey", pb.CreateKeyRequest(account="ada"))
        before = await analyze(other.gateway, made.key)
        await one.ask("RevokeKey", pb.RevokeKeyRequest(id=made.id))
        after = await analyze(other.gateway, made.key)

    assert [before.status, after.status] == [200, 401]


async def test_key_has_the_scopes_and_the_days_that_it_was_given(admin: Admin) -> None:
    scopes = ["ocr", "classify"]
    request = pb.CreateKeyRequest(account="ada", scopes=scopes, days=30, policy="strict")

    made = await admin.ask("CreateKey", request)

    listed = {key.id: key for key in (await admin.ask("ListKeys", pb.ListKeysRequest())).keys}
    found = listed[made.id]
    days = (found.expires_at.ToDatetime() - found.created_at.ToDatetime()) / timedelta(days=1)
    assert (found.account, found.scopes, found.policy) == ("ada", scopes, "strict")
    assert days == pytest.approx(30)
    assert abs(found.created_at.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    assert not found.HasField("revoked_at")
    assert (await analyze(admin.gateway, made.key)).refusal == (403, "scope_missing")


async def test_rotated_key_has_a_like_and_ends_after_its_grace(admin: Admin) -> None:
    old = await admin.ask("CreateKey", pb.CreateKeyRequest(account="ada", scopes=["ocr"]))

    new = await admin.ask("RotateKey", pb.RotateKeyRequest(id=old.id, grace_days=2))

    keys = {key.id: key for key in (await admin.ask("ListKeys", pb.ListKeysRequest())).keys}
    left = keys[old.id].expires_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(days=1.9) < left < timedelta(days=2)
    assert (keys[new.id].account, keys[new.id].scopes) == ("ada", ["ocr"])
    assert not keys[new.id].HasField("expires_at")


async def test_pages_of_keys_hold_each_once_oldest_first(admin: Admin) -> None:
    made = [await admin.ask("CreateKey", pb.CreateKeyRequest(account="ada")) for _ in range(4)]

    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = pb.ListKeysRequest(page_size=2, page_token=token)
        page = await admin.ask("ListKeys", request)
        pages.append([key.id for key in page.keys])
        token = page.next_page_token

    tests = key_id(admin.gateway.key)
    ids = [key.id for key in made]
    assert pages == [[tests, ids[0]], ids[1:3], ids[3:]]


async def test_pages_of_accounts_go_by_name_and_the_last_has_no_token(admin: Admin) -> None:
    for name in ("eve", "ada", "bob"):
        await admin.ask("CreateAccount", pb.CreateAccountRequest(name=name))

    first = await admin.ask("ListAccounts", pb.ListAccountsRequest(page_size=2))
    request = pb.ListAccountsRequest(page_size=2, page_token=first.next_page_token)
    second = await admin.ask("ListAccounts", request)

    assert [account.name for account in first.accounts] == ["ada", "bob"]
    assert [account.name for account in second.accounts] == ["eve", "tests"]
    assert second.next_page_token == ""


async def test_account_is_metered_once_it_is_credited(admin: Admin) -> None:
    await admin.ask("CreateAccount", pb.CreateAccountRequest(name="ada"))
    (before, _) = (await admin.ask("ListAccounts", pb.ListAccountsRequest())).accounts

    given = [
        (await admin.ask("CreditAccount", pb.CreditAccountRequest(name="ada", amount=amount)))
        for amount in (7, -5)
    ]

    (after, _) = (await admin.ask("ListAccounts", pb.ListAccountsRequest())).accounts
    assert not before.HasField("balance")
    assert [answer.balance for answer in given] == [7, 2]
    assert (after.balance, after.held) == (2, 0)


async def test_usage_counts_what_was_asked_a_moment_ago(admin: Admin) -> None:
    made = await admin.ask("CreateKey", pb.CreateKeyRequest(account="ada"))
    await admin.ask("CreditAccount", pb.CreditAccountRequest(name="ada", amount=10))
    await analyze(admin.gateway, made.key)
    await analyze(admin.gateway, made.key)

    usage = await admin.ask("GetUsage", pb.GetUsageRequest(name="ada"))

    today = datetime.now(UTC).date().isoformat()
    assert (usage.balance, usage.held, usage.spent) == (8, 0, 2)
    assert list(usage.days) == [
        pb.UsageOfDay(day=today, endpoint="analyzed-text", requests=2, credits=2)
    ]


NO_KEY = "there is no live key with the id abcd1234; ListKeys shows all"
NO_ACCOUNT = "there is no account nobody; ListAccounts shows all"
NAME = "the name of an account must have 1 to 100 printable characters"
SCOPES = ", ".join((*ENDPOINT_NAMES, "webhooks", "usage"))
BALANCE = "the balance must stay between 0 and 1000000000000000; nothing was changed"
ID = "id: expected the 8 letters and digits behind im_live_ in a key"
DAYS = "days are not above 0 and at most 36500"
Rows = tuple[tuple[str, dict[str, Any], str], ...]  # Any: of any field
MISSING: Rows = (
    ("RevokeKey", {"id": "abcd1234"}, NO_KEY),
    ("RotateKey", {"id": "abcd1234"}, NO_KEY),
    ("CreditAccount", {"name": "nobody", "amount": 1}, NO_ACCOUNT),
    ("GetUsage", {"name": "nobody"}, NO_ACCOUNT),
)
INVALID: Rows = (
    ("RevokeKey", {"id": "\x00"}, ID),
    ("RotateKey", {}, ID),
    ("RotateKey", {"id": "abcd1234", "grace_days": 0}, f"grace_days: 0 {DAYS}"),
    ("CreateKey", {}, f"account: {NAME}"),
    ("CreateKey", {"account": "ada", "days": float("nan")}, f"days: nan {DAYS}"),
    (
        "CreateKey",
        {"account": "ada", "scopes": ["color"]},
        f"scopes: 'color' is no scope; known are {SCOPES}",
    ),
    ("CreateAccount", {"name": "x" * 101}, f"name: {NAME}"),
    ("GetUsage", {"name": "a\nb"}, f"name: {NAME}"),
    (
        "CreditAccount",
        {"name": "tests", "amount": 10**15 + 1},
        "amount: 1000000000000001 credits are beyond 1000000000000000",
    ),
    ("CreditAccount", {"name": "tests", "amount": -1}, f"amount: {BALANCE}"),
    ("ListKeys", {"page_size": 1001}, "page_size: 1001 is not between 0 and 1000"),
    ("ListAccounts", {"page_size": -1}, "page_size: -1 is not between 0 and 1000"),
    ("ListKeys", {"page_token": "abcd1234"}, "page_token: there is no key with the id abcd1234"),
    ("ListAccounts", {"page_token": "\x00"}, f"page_token: {NAME}"),
)


@pytest.mark.parametrize(
    ("code", "method", "fields", "words"),
    [
        ("ALREADY_EXISTS", "CreateAccount", {"name": "tests"}, "there is an account tests already"),
        *(("NOT_FOUND", *row) for row in MISSING),
        *(("INVALID_ARGUMENT", *row) for row in INVALID),
    ],
)
async def test_what_cannot_be_done_is_refused_with_what_to_change(
    shared_admin: Admin, code: str, method: str, fields: dict[str, Any], words: str
) -> None:  # Any: of any field
    request = getattr(pb, f"{method}Request")(**fields)

    assert await shared_admin.refusal(method, request) == (code, words)


@pytest.fixture(scope="module")
async def shared_admin(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Admin]:
    """A gateway for tests that change nothing."""
    async with administering(tmp_path_factory.mktemp("admin"), **addresses) as found:
        yield found


async def test_keys_of_one_moment_are_paged_in_both_databases(
    engine: AsyncEngine, clock: Hands
) -> None:
    store = KeyStore(engine, clock=clock)
    made = sorted([str(key_id(await store.create("ada"))) for _ in range(3)])
    clock.now += timedelta(seconds=1)
    made.append(str(key_id(await store.create("ada"))))

    first = await store.list_keys(limit=2)
    second = await store.list_keys(after=first[-1].id, limit=5)

    assert [key.id for key in (*first, *second)] == made


async def test_database_that_is_away_is_unavailable_and_then_back(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    with postgresql_away(tmp_path) as outage:
        async with administering(tmp_path, **outage.settings, **addresses) as admin:
            outage.begin()
            refused = await admin.refusal("ListKeys", pb.ListKeysRequest())
            outage.end()
            page = await admin.ask("ListKeys", pb.ListKeysRequest())

    assert refused == ("UNAVAILABLE", "the gateway's database is away; try again later")
    assert len(page.keys) == 1
