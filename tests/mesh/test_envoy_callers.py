"""Authorization by Envoy, and the name of the caller at the services."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from benchmarks.running_envoy import (
    http_client,
    native_channel,
    running_envoy,
    until_healthy,
)
from scripts.dev_certificates import CALLER_ID, Authority
from scripts.envoy_on_loopback import Places, new_places
from scripts.ports import free_ports
from servicekit.callers import caller_digest
from servicekit.server import serving
from servicekit.settings import ServiceSettings
from tests.gateway.running import Gateway, create_key, gateway_settings, running
from tests.mesh.telltale import METHOD, NAME, telltale

PATH = f"/{NAME}/{METHOD}"
EMPTY_MESSAGE = bytes(5)  # gRPC's frame around no bytes
SPOOFED = (
    ("x-caller", "0123456789abcdef"),
    ("x-client-id", CALLER_ID),
    ("x-forwarded-client-cert", f"URI={CALLER_ID}"),
)
Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Front:
    """Envoy before a gateway and a service that tells what it sees.

    Attributes:
        places: where.
        gateway: in this process.
        folder: of Envoy's log.
        http: trusts Envoy's certificate.
    """

    places: Places
    gateway: Gateway
    folder: Path
    http: aiohttp.ClientSession

    async def told(self, *metadata: tuple[str, str], certificate: str | None = None) -> Any:
        """Return what the service is told of an RPC with this metadata; Any: JSON."""
        async with native_channel(self.places, certificate=certificate) as channel:
            ask: Any = channel.unary_unary(PATH)  # Any: bytes in, bytes out
            return json.loads(await ask(b"", metadata=metadata, timeout=10))

    async def refusal(self, *metadata: tuple[str, str], certificate: str | None = None) -> str:
        """Return the name of the status with which an RPC is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.told(*metadata, certificate=certificate)
        return str(caught.value.code().name)

    async def get(self, path: str, **headers: str) -> tuple[int, Any, str]:
        """Return status, JSON and request id of a GET at the public port."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(path, headers=sent) as answer:
            return answer.status, await answer.json(), answer.headers["X-Request-Id"]


@pytest.fixture(scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    authz, nobody = free_ports(2)
    settings = gateway_settings(folder, authz_port=authz, rate_limit="200/hour")
    service = ServiceSettings(port=0, metrics_port=0, drain_s=0)
    async with running(settings) as gateway, serving(telltale(), service) as vision:
        upstreams = {"vision": [vision], "ocr": [nobody], "colorize": [nobody]}
        own = int(gateway.url.rpartition(":")[2])
        places = new_places(folder, {**upstreams, "gateway": [own], "authz": [authz]})
        authority = Authority(places.tls)
        authority.issue_server()
        authority.issue_caller("other", client_id="spiffe://imagemesh/servers/ocr")
        authority.issue_caller()
        async with running_envoy(places, folder), http_client(places) as http:
            await until_healthy(places, {"vision": 1, "gateway": 1})
            yield Front(places, gateway, folder, http)
    log = (folder / "envoy.log").read_text()
    assert f'"rpc":"{PATH}"' in log  # there is something to look through
    assert gateway.key not in log


@pytest.mark.parametrize(("header", "scheme"), [("x-api-key", ""), ("authorization", "Bearer ")])
async def test_key_passes_and_stays_behind(front: Front, header: str, scheme: str) -> None:
    told = await front.told((header, scheme + front.gateway.key))

    assert told["x-caller"] == caller_digest("tests")
    assert front.gateway.key not in str(told)


async def test_certificate_passes_by_its_spiffe_id(front: Front) -> None:
    told = await front.told(certificate="caller")

    assert told["x-caller"] == caller_digest(CALLER_ID)


@pytest.mark.parametrize(
    ("metadata", "certificate", "code"),
    [
        ((), None, "UNAUTHENTICATED"),
        ((("x-api-key", "im_live_no"),), None, "UNAUTHENTICATED"),
        (SPOOFED, None, "UNAUTHENTICATED"),
        ((), "other", "PERMISSION_DENIED"),
        (SPOOFED, "other", "PERMISSION_DENIED"),
    ],
)
async def test_nobody_else_passes(
    front: Front, metadata: Metadata, certificate: str | None, code: str
) -> None:
    assert await front.refusal(*metadata, certificate=certificate) == code


async def test_spoofed_identity_is_overwritten(front: Front) -> None:
    told = await front.told(*SPOOFED, ("x-api-key", front.gateway.key))

    assert told["x-caller"] == caller_digest("tests")
    assert {"x-client-id", "x-forwarded-client-cert"} & set(told) == set()


async def test_certificate_of_another_authority_is_no_certificate(
    front: Front, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    stranger.issue_caller("stranger")
    for end in ("crt", "key"):
        content = (tmp_path / "stranger" / f"stranger.{end}").read_bytes()
        (front.places.tls / f"stranger.{end}").write_bytes(content)

    assert await front.refusal(certificate="stranger") == "UNAVAILABLE"


async def test_key_that_is_used_too_often_is_told_so(front: Front) -> None:
    key = await create_key(front.gateway.settings)
    codes = set()
    async with native_channel(front.places) as channel:
        ask: Any = channel.unary_unary(PATH)  # Any: bytes in, bytes out
        for _ in range(201):
            try:
                await ask(b"", metadata=(("x-api-key", key),), timeout=10)
            except grpc.aio.AioRpcError as error:
                codes.add(error.code().name)

    assert codes == {"RESOURCE_EXHAUSTED"}


async def test_grpc_web_answers(front: Front) -> None:
    headers = {"content-type": "application/grpc-web+proto", "x-api-key": front.gateway.key}
    url = front.places.url("native") + PATH

    async with front.http.post(url, data=EMPTY_MESSAGE, headers=headers) as answer:
        content = await answer.read()

    assert (answer.status, answer.content_type) == (200, "application/grpc-web+proto")
    assert caller_digest("tests").encode() in content
    assert b"grpc-status:0\r\n" in content


async def test_grpc_web_of_browsers_answers_in_text(front: Front) -> None:
    text = "application/grpc-web-text"
    headers = {"content-type": text, "accept": text, "x-api-key": front.gateway.key}
    url = front.places.url("native") + PATH

    async with front.http.post(url, data=b64encode(EMPTY_MESSAGE), headers=headers) as answer:
        chunks = re.findall(rb"[^=]+=*", await answer.read())

    assert caller_digest("tests").encode() in b"".join(map(b64decode, chunks))


async def test_grpc_web_without_a_key_is_refused(front: Front) -> None:
    headers = {"content-type": "application/grpc-web+proto"}
    url = front.places.url("native") + PATH

    async with front.http.post(url, data=EMPTY_MESSAGE, headers=headers) as answer:
        assert (answer.status, answer.headers["grpc-status"]) == (401, "16")


async def test_request_id_of_the_caller_stays(front: Front) -> None:
    told = await front.told(("x-api-key", front.gateway.key), ("x-request-id", "mine-1"))

    assert told["x-request-id"] == "mine-1"
    assert (await front.get("/healthz", x_request_id="mine-2"))[2] == "mine-2"


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/%6detrics", "/x/../metrics"])
async def test_what_is_for_operators_is_not_public(front: Front, path: str) -> None:
    status, body, request_id = await front.get(path)

    assert (status, body["error"]["code"]) == (404, "not_found")
    assert body["error"]["request_id"] == request_id


async def test_service_without_a_replica_is_unavailable(front: Front) -> None:
    async with native_channel(front.places) as channel:
        ask: Any = channel.unary_unary("/imagemesh.ocr.v1.OcrService/ListModels")  # Any: as above
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(b"", metadata=(("x-api-key", front.gateway.key),), timeout=10)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_one_of_two_gateways_that_is_away_keeps_no_caller_out(
    front: Front, tmp_path: Path
) -> None:
    authz = [*front.places.upstreams["authz"], *free_ports(1)]
    places = new_places(tmp_path, {**front.places.upstreams, "authz": authz})
    async with running_envoy(places, tmp_path), native_channel(places) as channel:
        await until_healthy(places, {"vision": 1})
        ask: Any = channel.unary_unary(PATH)  # Any: bytes in, bytes out
        metadata = (("x-api-key", front.gateway.key),)
        answers = [await ask(b"", metadata=metadata, timeout=30) for _ in range(20)]

    assert len(answers) == 20


async def test_gateway_that_is_away_is_the_one_error_shape(tmp_path: Path) -> None:
    names = ("gateway", "authz", "colorize", "ocr", "vision")
    upstreams = {name: [port] for name, port in zip(names, free_ports(5), strict=True)}
    places = new_places(tmp_path, upstreams)
    async with running_envoy(places, tmp_path), http_client(places) as http:
        async with http.get("/healthz") as answer:
            error = (await answer.json())["error"]
        async with native_channel(places, certificate="caller") as channel:
            ask: Any = channel.unary_unary(PATH)  # Any: as above
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(b"", timeout=10)

    assert (answer.status, error["code"], answer.headers["Retry-After"]) == (
        503,
        "unavailable",
        "1",
    )
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE  # it is not let in unasked
