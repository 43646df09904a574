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
from tests.gateway.clocks import Hands
from tests.gateway.running import Gateway, Reply
from tests.gateway.servers import empty_database, postgres


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


async def test_key_without_days_never_ends(admin: Admin) -> None:
    made = await admin.ask("CreateKey", pb.CreateKeyRequest(account="ada"))

    keys = (await admin.ask("ListKeys", pb.ListKeysRequest())).keys

    (found,) = [key for key in keys if key.id == made.id]
    assert (found.HasField("expires_at"), list(found.scopes)) == (False, [])


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


async def test_last_page_that_is_full_has_no_token(admin: Admin) -> None:
    await admin.ask("CreateAccount", pb.CreateAccountRequest(name="ada"))

    page = await admin.ask("ListAccounts", pb.ListAccountsRequest(page_size=2))

    assert [account.name for account in page.accounts] == ["ada", "tests"]
    assert page.next_page_token == ""


async def test_pages_of_accounts_go_by_name(admin: Admin) -> None:
    for name in ("eve", "ada", "bob"):
        await admin.ask("CreateAccount", pb.CreateAccountRequest(name=name))

    first = await admin.ask("ListAccounts", pb.ListAccountsRequest(page_size=3))
    request = pb.ListAccountsRequest(page_size=3, page_token=first.next_page_token)
    second = await admin.ask("ListAccounts", request)

    assert [account.name for account in first.accounts] == ["ada", "bob", "eve"]
    assert [account.name for account in second.accounts] == ["tests"]


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


async def test_usage_of_an_account_that_nobody_meters_has_no_balance(admin: Admin) -> None:
    await admin.ask("CreateAccount", pb.CreateAccountRequest(name="ada"))

    usage = await admin.ask("GetUsage", pb.GetUsageRequest(name="ada"))

    assert (usage.HasField("balance"), usage.spent, list(usage.days)) == (False, 0, [])


NO_KEY = "there is no live key with the id abcd1234; ListKeys shows all"
NO_ACCOUNT = "there is no account nobody; ListAccounts shows all"
NAME = "the name of an account must have 1 to 100 printable characters"
ENDPOINTS = ", ".join(ENDPOINT_NAMES)
SCOPES = f"{ENDPOINTS}, webhooks, usage"
BALANCE = "amount: the balance must stay between 0 and 1000000000000000; nothing was changed"
ID = "id: expected the 8 letters and digits behind im_live_ in a key"


@pytest.mark.parametrize(
    ("method", "request_", "refusal"),
    [
        ("RevokeKey", pb.RevokeKeyRequest(id="abcd1234"), ("NOT_FOUND", NO_KEY)),
        ("RotateKey", pb.RotateKeyRequest(id="abcd1234"), ("NOT_FOUND", NO_KEY)),
        (
            "CreditAccount",
            pb.CreditAccountRequest(name="nobody", amount=1),
            ("NOT_FOUND", NO_ACCOUNT),
        ),
        ("GetUsage", pb.GetUsageRequest(name="nobody"), ("NOT_FOUND", NO_ACCOUNT)),
        (
            "CreateAccount",
            pb.CreateAccountRequest(name="tests"),
            ("ALREADY_EXISTS", "there is an account tests already"),
        ),
        ("RevokeKey", pb.RevokeKeyRequest(id="\x00"), ("INVALID_ARGUMENT", ID)),
        ("RotateKey", pb.RotateKeyRequest(), ("INVALID_ARGUMENT", ID)),
        (
            "RotateKey",
            pb.RotateKeyRequest(id="abcd1234", grace_days=0),
            ("INVALID_ARGUMENT", "grace_days: 0 days are not above 0 and at most 36500"),
        ),
        ("CreateKey", pb.CreateKeyRequest(), ("INVALID_ARGUMENT", f"account: {NAME}")),
        (
            "CreateKey",
            pb.CreateKeyRequest(account="ada", days=float("nan")),
            ("INVALID_ARGUMENT", "days: nan days are not above 0 and at most 36500"),
        ),
        (
            "CreateKey",
            pb.CreateKeyRequest(account="ada", scopes=["color"]),
            (
                "INVALID_ARGUMENT",
                f"scopes: 'color' is no scope; known are {SCOPES}",
            ),
        ),
        (
            "CreateAccount",
            pb.CreateAccountRequest(name="x" * 101),
            ("INVALID_ARGUMENT", f"name: {NAME}"),
        ),
        ("GetUsage", pb.GetUsageRequest(name="a\nb"), ("INVALID_ARGUMENT", f"name: {NAME}")),
        (
            "CreditAccount",
            pb.CreditAccountRequest(name="tests", amount=10**15 + 1),
            (
                "INVALID_ARGUMENT",
                "amount: 1000000000000001 credits are beyond 1000000000000000",
            ),
        ),
        (
            "CreditAccount",
            pb.CreditAccountRequest(name="tests", amount=-1),
            (
                "INVALID_ARGUMENT",
                "amount: the balance must stay between 0 and 1000000000000000; nothing was changed",
            ),
        ),
        (
            "ListKeys",
            pb.ListKeysRequest(page_size=1001),
            ("INVALID_ARGUMENT", "page_size: 1001 is not between 0 and 1000"),
        ),
        (
            "ListAccounts",
            pb.ListAccountsRequest(page_size=-1),
            ("INVALID_ARGUMENT", "page_size: -1 is not between 0 and 1000"),
        ),
        (
            "ListKeys",
            pb.ListKeysRequest(page_token="abcd1234"),  # noqa: S106 - no secret
            ("INVALID_ARGUMENT", "page_token: there is no key with the id abcd1234"),
        ),
        (
            "ListAccounts",
            pb.ListAccountsRequest(page_token="\x00"),  # noqa: S106 - no secret
            ("INVALID_ARGUMENT", f"page_token: {NAME}"),
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_with_what_to_change(
    shared_admin: Admin,
    method: str,
    request_: Any,  # Any: a request of any RPC
    refusal: tuple[str, str],
) -> None:
    assert await shared_admin.refusal(method, request_) == refusal


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
    with postgres() as server:
        url = empty_database(server)
        async with administering(tmp_path, database_url=url, **addresses) as admin:
            server.stop()
            refused = await admin.refusal("ListKeys", pb.ListKeysRequest())
            server.start()
            page = await admin.ask("ListKeys", pb.ListKeysRequest())

    assert refused == ("UNAVAILABLE", "the gateway's database is away; try again later")
    assert len(page.keys) == 1
