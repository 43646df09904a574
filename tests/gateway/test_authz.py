"""Authorization of native RPCs, as Envoy asks for it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from gateway.accounts.accounts import AccountStore
from gateway.authz import ENDPOINT_OF_RPC
from gateway.database.engine import open_database
from gateway.settings import GatewaySettings
from imagemesh.colorize.v1 import colorize_service_pb2
from imagemesh.ocr.v1 import ocr_service_pb2
from imagemesh.vision.v1 import vision_service_pb2
from scripts.ports import free_port
from servicekit.callers import CALLER_KEY, caller_digest
from tests.gateway.running import Gateway, Start, create_key, gateway_settings, running

VISION = "/imagemesh.vision.v1.VisionService/"
CLASSIFY = VISION + "Classify"
CLIENT = "spiffe://imagemesh/callers/reports"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer to Envoy."""

    status: int
    caller: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Authz:
    """A gateway with the port open."""

    gateway: Gateway
    url: str

    async def ask(self, rpc: str = CLASSIFY, **headers: str) -> Verdict:
        """Ask as Envoy does: the RPC's own request, without its body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.gateway.http.post(self.url + rpc, headers=sent) as answer:
            return Verdict(answer.status, answer.headers.get(CALLER_KEY), await answer.text())


@pytest.fixture(scope="module")
async def authz(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Authz]:
    port = free_port()
    settings = gateway_settings(
        tmp_path_factory.mktemp("authz"), authz_port=port, endpoints_off=("nudity",)
    )
    async with running(settings) as gateway:
        yield Authz(gateway, f"http://127.0.0.1:{port}")


async def test_key_passes_as_the_account_that_rest_names(authz: Authz) -> None:
    verdict = await authz.ask(x_api_key=authz.gateway.key)

    assert verdict == Verdict(200, caller_digest("tests"), "")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {} "])
async def test_key_may_be_a_bearer_token(authz: Authz, form: str) -> None:
    verdict = await authz.ask(authorization=form.format(authz.gateway.key))

    assert verdict == Verdict(200, caller_digest("tests"), "")


async def test_certificate_passes_as_its_spiffe_id(authz: Authz) -> None:
    verdict = await authz.ask(x_client_id=CLIENT)

    assert verdict == Verdict(200, caller_digest(CLIENT), "")


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 401, "x-api-key"),
        ({"x_api_key": "im_live_no"}, 401, "wrong, expired or revoked"),
        ({"authorization": "Bearer im_live_no"}, 401, "wrong, expired or revoked"),
        ({"x_api_key": "im_live_no", "x_client_id": CLIENT}, 401, "wrong, expired or revoked"),
        ({"x_client_id": "spiffe://imagemesh/servers/ocr"}, 403, "SPIFFE id"),
        ({"x_client_id": "spiffe://imagemesh/callers-of-others"}, 403, "SPIFFE id"),
        ({"x_client_id": f"{CLIENT},spiffe://imagemesh/servers/ocr"}, 403, "SPIFFE id"),
        ({"x_caller": "0123456789abcdef"}, 401, "x-api-key"),
    ],
)
async def test_others_are_refused_with_the_reason(
    authz: Authz, headers: dict[str, str], status: int, text: str
) -> None:
    verdict = await authz.ask(**headers)

    assert (verdict.status, verdict.caller) == (status, None)
    assert text in verdict.text


async def test_no_certificate_passes_where_none_is_named(start: Start) -> None:
    port = free_port()
    async with start(authz_port=port, authz_clients="") as gateway:
        verdict = await Authz(gateway, f"http://127.0.0.1:{port}").ask(x_client_id=CLIENT)

    assert verdict.status == 403


async def test_scope_of_a_key_is_that_of_the_endpoint(authz: Authz) -> None:
    key = await create_key(authz.gateway.settings, scopes=["classify"])

    statuses = {
        rpc: (await authz.ask(VISION + rpc, x_api_key=key)).status
        for rpc in ("Classify", "DetectEmotions", "ListModels")
    }

    assert statuses == {"Classify": 200, "DetectEmotions": 403, "ListModels": 200}


async def test_what_is_switched_off_is_off_for_all(authz: Authz) -> None:
    by_key = await authz.ask(VISION + "DetectNudity", x_api_key=authz.gateway.key)
    by_certificate = await authz.ask(VISION + "DetectNudity", x_client_id=CLIENT)

    assert (by_key.status, by_certificate.status) == (403, 403)


@pytest.mark.parametrize(
    "rpc", ["/imagemesh.admin.v1.AdminService/CreateKey", "/grpc.health.v1.Health/Check", "/"]
)
async def test_unknown_rpc_is_refused_whoever_asks(authz: Authz, rpc: str) -> None:
    assert (await authz.ask(rpc, x_api_key=authz.gateway.key)).status == 404


async def test_account_that_pays_is_sent_to_rest(authz: Authz) -> None:
    """An RPC that fails after it was admitted could not be given back."""
    key = await create_key(authz.gateway.settings, account="paying")
    engine = await open_database(authz.gateway.settings.database_url)
    await AccountStore(engine).credit("paying", 100)
    await engine.dispose()

    verdict = await authz.ask(x_api_key=key)

    assert (verdict.status, verdict.caller) == (403, None)
    assert "REST" in verdict.text


async def test_rate_limit_counts_rest_and_grpc_together(tmp_path: Path) -> None:
    port = free_port()
    limited = gateway_settings(tmp_path, authz_port=port, rate_limit="2/hour")
    async with running(limited) as gateway, aiohttp.ClientSession() as http:
        headers = {"x-api-key": gateway.key}
        await gateway.get("/api/v1/languages")
        statuses = []
        for _ in range(2):
            async with http.post(f"http://127.0.0.1:{port}{CLASSIFY}", headers=headers) as answer:
                statuses.append(answer.status)
                fields = answer.headers

    assert statuses == [200, 429]
    assert int(fields["Retry-After"]) > 0


def test_every_rpc_has_its_endpoint() -> None:
    services = [
        service
        for module in (colorize_service_pb2, ocr_service_pb2, vision_service_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    ]

    rpcs = {f"/{one.full_name}/{method.name}" for one in services for method in one.methods}

    assert set(ENDPOINT_OF_RPC) == rpcs


@pytest.mark.parametrize(
    ("setting", "value"),
    [("authz_port", 8080), ("authz_clients", "callers/"), ("authz_clients", "spiffe://mesh/call")],
)
def test_setting_that_lets_others_in_is_refused(setting: str, value: object) -> None:
    """The public port, and a prefix of ids that ends within a name."""
    with pytest.raises(ValidationError, match=setting):
        GatewaySettings.model_validate({"port": 8080, setting: value})
