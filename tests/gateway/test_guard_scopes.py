"""Scopes: a key reaches what its scopes name and nothing else of its account.

The table is made of every scope, every endpoint and every kind of object that an account has.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from contract.table import ENDPOINT_NAMES
from gateway.accounts.idempotency import fingerprint_of
from gateway.accounts.scopes import SCOPES, USAGE_SCOPE, WEBHOOKS_SCOPE
from gateway.endpoint_handler import no_file
from gateway.endpoint_table import HANDLERS
from tests.gateway.bulks import images, submit, told
from tests.gateway.origin import IMAGE
from tests.gateway.running import Gateway, Reply, create_key, gateway_settings, running
from tests.gateway.uploads import base64, defer, ended

IMAGE_FIELD = {"image": base64(IMAGE)}
PDF = {"image": base64(b"%PDF-1.7 page|"), "format": "pdf"}
REFUSED = {403, 404}


def body_for(endpoint: str) -> dict[str, str]:
    return {"text": "hello"} if endpoint == "analyzed-text" else IMAGE_FIELD


@dataclass(slots=True)
class Account:
    """A gateway, and a key of each scope."""

    gateway: Gateway
    keys: dict[str, str]

    def as_scope(self, scope: str) -> Gateway:
        """Return the gateway as the key of that scope alone sees it."""
        return replace(self.gateway, key=self.keys[scope])

    async def delete(self, path: str, scope: str) -> Reply:
        """Delete with the key of that scope."""
        headers = {"X-API-Key": self.keys[scope]}
        return await self.gateway.send("DELETE", path, headers=headers)


@pytest.fixture(scope="module")
async def account(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Account]:
    folder: Path = tmp_path_factory.mktemp("scopes")
    settings = gateway_settings(folder, **addresses, webhook_secret="s" * 32)
    async with running(settings) as gateway:
        keys = {scope: await create_key(settings, scopes=[scope]) for scope in SCOPES}
        yield Account(gateway, keys)


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_endpoint_answers_its_scope_alone(account: Account, endpoint: str) -> None:
    statuses = {
        scope: (await account.as_scope(scope).post(endpoint, body_for(endpoint))).status
        for scope in SCOPES
    }

    assert statuses == {scope: 200 if scope == endpoint else 403 for scope in SCOPES}


async def test_refusal_names_the_scope_that_is_missing_and_those_that_are_there(
    account: Account,
) -> None:
    key = await create_key(account.gateway.settings, scopes=["ocr", "analyzed-text"])

    refused = await account.gateway.post("emotions", b"{", X_API_Key=key)
    passed = await account.gateway.post("ocr", b"{", X_API_Key=key)

    assert refused.refusal == (403, "scope_missing")
    words = "this API key has no scope 'emotions', only ocr, analyzed-text; use a key that has it"
    assert refused.message == words
    assert passed.refusal == (400, "malformed_json")


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_job_is_there_for_the_scope_of_its_endpoint_alone(
    account: Account, endpoint: str
) -> None:
    accepted = await defer(account.gateway, endpoint, body_for(endpoint))
    await ended(account.gateway, accepted)
    path = accepted.headers["Location"]

    seen = {scope: (await account.as_scope(scope).get(path)).status for scope in SCOPES}
    others = [scope for scope in SCOPES if scope != endpoint]
    deleted = [(await account.delete(path, scope)).status for scope in others]

    assert seen == {scope: 200 if scope == endpoint else 404 for scope in SCOPES}
    assert set(deleted) == {404}
    assert (await account.delete(path, endpoint)).status == 204


async def test_list_of_jobs_has_those_of_the_scope_alone(account: Account) -> None:
    accepted = {
        endpoint: await defer(account.gateway, endpoint, body_for(endpoint))
        for endpoint in ENDPOINT_NAMES
    }
    ids = {name: reply.headers["Location"].rpartition("/")[2] for name, reply in accepted.items()}

    for scope in SCOPES:
        page = (await account.as_scope(scope).get("/api/v1/jobs?limit=100")).json["result"]
        seen = {job["id"] for job in page["jobs"]}
        assert seen & set(ids.values()) == ({ids[scope]} if scope in ids else set())


IMAGE_ENDPOINTS = [name for name in ENDPOINT_NAMES if name != "analyzed-text"]


@pytest.mark.parametrize("endpoint", IMAGE_ENDPOINTS)
async def test_bulk_job_is_made_and_there_for_the_scope_of_its_endpoint_alone(
    account: Account, endpoint: str
) -> None:
    made = {
        scope: await submit(account.gateway, images(1), key=account.keys[scope], endpoint=endpoint)
        for scope in SCOPES
    }
    path = made[endpoint].headers["Location"]
    await told(account.gateway, made[endpoint])
    others = [scope for scope in SCOPES if scope != endpoint]

    assert {scope: reply.status for scope, reply in made.items()} == {
        scope: 202 if scope == endpoint else 403 for scope in SCOPES
    }
    for below in ("", "/output", "/events"):
        seen = {scope: (await account.as_scope(scope).get(path + below)).status for scope in SCOPES}
        assert seen == {scope: 200 if scope == endpoint else 404 for scope in SCOPES}
    assert {(await account.delete(path, scope)).status for scope in others} == {404}


async def test_items_of_a_batch_are_answered_to_their_scopes_alone(account: Account) -> None:
    items = [{"endpoint": name, **body_for(name)} for name in ENDPOINT_NAMES]
    for scope in SCOPES:
        reply = await account.as_scope(scope).post("batch", {"requests": items})
        statuses = [item["status"] for item in reply.json["result"]]
        assert statuses == [200 if name == scope else 403 for name in ENDPOINT_NAMES]


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_kept_answer_is_none_of_a_key_with_other_scopes(
    account: Account, endpoint: str
) -> None:
    key, body = f"kept-{endpoint}", body_for(endpoint)
    first = await account.gateway.post(endpoint, body, Idempotency_Key=key)

    others = {
        scope: (await account.as_scope(scope).post(endpoint, body, Idempotency_Key=key)).status
        for scope in SCOPES
    }

    assert first.status == 200
    assert others == {scope: 422 if scope == endpoint else 403 for scope in SCOPES}


async def test_job_of_a_batch_needs_the_scopes_of_all_its_items(account: Account) -> None:
    items = [{"endpoint": name, **IMAGE_FIELD} for name in ("classify", "ocr")]
    accepted = await defer(account.gateway, "batch", {"requests": items})
    await ended(account.gateway, accepted)
    path = accepted.headers["Location"]
    both = await create_key(account.gateway.settings, scopes=["classify", "ocr", "nudity"])

    seen = {scope: (await account.as_scope(scope).get(path)).status for scope in SCOPES}

    assert set(seen.values()) == {404}
    assert (await replace(account.gateway, key=both).get(path)).status == 200


@pytest.mark.parametrize(
    ("endpoint", "body", "field"),
    [("colorize", IMAGE_FIELD, "colorized"), ("ocr", PDF, "pdf")],
)
async def test_result_is_deleted_by_the_scope_of_its_endpoint_alone(
    account: Account, endpoint: str, body: dict[str, str], field: str
) -> None:
    made = await account.gateway.post(endpoint, body)
    name = str(made.json["result"][field]).rpartition("/")[2]
    others = [scope for scope in SCOPES if scope != endpoint]

    refused = [(await account.delete(f"/api/v1/results/{name}", scope)).status for scope in others]

    assert set(refused) == {404}
    assert (await account.delete(f"/api/v1/results/{name}", endpoint)).status == 204


def test_results_are_made_by_these_endpoints_alone() -> None:
    makers = {name for name, handler in HANDLERS.items() if handler.file is not no_file}

    assert makers == {"colorize", "ocr"}


@pytest.mark.parametrize(
    ("path", "needed"),
    [("/api/v1/usage", USAGE_SCOPE), ("/api/v1/webhook-secret", WEBHOOKS_SCOPE)],
)
async def test_account_is_read_by_scopes_of_its_own(
    account: Account, path: str, needed: str
) -> None:
    statuses = {scope: (await account.as_scope(scope).get(path)).status for scope in SCOPES}

    assert statuses == {scope: 200 if scope == needed else 403 for scope in SCOPES}
    assert (await account.gateway.get(path)).status == 200


async def test_kept_answer_of_a_batch_is_none_of_a_key_with_other_scopes(
    account: Account,
) -> None:
    """Items are refused one by one, so a key may send a batch with items it may not ask."""
    body = {"requests": [{"endpoint": "ocr", **IMAGE_FIELD}]}
    first = await account.gateway.post("batch", body, Idempotency_Key="same")

    stolen = {
        scope: await account.as_scope(scope).post("batch", body, Idempotency_Key="same")
        for scope in SCOPES
    }

    assert first.json["result"][0]["status"] == 200
    assert {reply.refusal for reply in stolen.values()} == {(422, "idempotency_key_reused")}
    assert not [scope for scope, reply in stolen.items() if b"Extracted" in reply.body]


def test_fingerprint_has_the_scopes_in_any_order() -> None:
    assert fingerprint_of("/", b"", scopes=["a", "b"]) == fingerprint_of(
        "/", b"", scopes=["b", "a"]
    )
    assert len({fingerprint_of("/", b"", scopes=held) for held in (None, (), ("a",))}) == 3


async def test_table_has_every_scope_and_path(gateway: Gateway) -> None:
    """A new path needs a row above, or is open to every key as the last two are."""
    paths = (await gateway.get("/openapi.json")).json["paths"]

    lookups = ("usage", "webhook-secret", "jobs", "jobs/{id}", "results/{name}")
    bulk = ("bulk", "bulk/{id}", "bulk/{id}/output", "bulk/{id}/events")
    tested = {f"/api/v1/{name}" for name in (*ENDPOINT_NAMES, "batch", *lookups, *bulk)}
    open_to_all = {"/api/v1/capabilities", "/api/v1/languages"}
    assert set(SCOPES) == {*ENDPOINT_NAMES, USAGE_SCOPE, WEBHOOKS_SCOPE}
    assert {path for path in paths if path.startswith("/api/")} == tested | open_to_all
