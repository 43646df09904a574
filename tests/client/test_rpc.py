"""Asking a service: its errors are those of the gateway, and its TLS is judged."""

from collections.abc import Mapping

import grpc
import pytest

from imagemesh.client import (
    ApiError,
    Client,
    ClientError,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
)
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from tests.client.scripted import Certificate, Time
from tests.gateway.origin import PICTURE
from tests.gateway.running import Gateway
from tests.gateway.services import Ocr
from tests.gateway.stage import Context, Stage


async def fault_of(url: str, image: bytes, *, key: str = "", lang: str = "eng") -> ClientError:
    """Return how reading the picture fails."""
    async with Client(url, key=key, retries=Time().retries()) as client:
        with pytest.raises(ClientError) as caught:
            await client.ocr(image, lang=lang)
    return caught.value


def ocr_url(addresses: Mapping[str, str]) -> str:
    return f"grpc://{addresses['ocr_address']}"


@pytest.mark.parametrize(
    ("word", "lang"),
    [
        (b"invalid", "eng"),
        (b"unreadable", "eng"),
        (b"full", "eng"),
        (b"no model", "eng"),
        (b"leaving", "eng"),
        (b"", "xxx"),
        (b"", "tir"),
    ],
)
async def test_service_and_gateway_fail_alike(
    gateway: Gateway, addresses: dict[str, str], word: bytes, lang: str
) -> None:
    over_rest = await fault_of(gateway.url, PICTURE + word, key=gateway.key, lang=lang)
    over_grpc = await fault_of(ocr_url(addresses), PICTURE + word, lang=lang)

    assert isinstance(over_rest, ApiError)
    assert isinstance(over_grpc, ApiError)
    for name in ("status", "code", "message", "may_repeat"):
        assert getattr(over_grpc, name) == getattr(over_rest, name)


async def test_bug_of_a_service_is_told_with_the_request_id(
    addresses: dict[str, str], stage: Stage
) -> None:
    fault = await fault_of(ocr_url(addresses), PICTURE + b"bug")

    assert isinstance(fault, ApiError)
    assert (fault.status, fault.code) == (500, "internal")
    assert fault.request_id == stage.calls[-1].request_id


async def test_service_that_is_full_is_asked_again(addresses: dict[str, str], stage: Stage) -> None:
    time = Time()
    before = len(stage.calls)

    async with Client(ocr_url(addresses), retries=time.retries(5.0)) as client:
        with pytest.raises(ApiError):
            await client.ocr(PICTURE + b"full")

    assert len(stage.calls) - before == len(time.waits_s) + 1 > 2


async def test_time_of_a_call_is_bounded(addresses: dict[str, str]) -> None:
    async with Client(ocr_url(addresses), timeout_s=0.2) as client:
        with pytest.raises(TimedOut):
            await client.ocr(PICTURE + b"wait")


async def test_address_where_nobody_listens_is_told_with_its_name() -> None:
    fault = await fault_of("grpc://127.0.0.1:1", PICTURE)

    assert isinstance(fault, Unreachable)
    assert "127.0.0.1:1" in str(fault)


async def test_service_that_does_something_else_is_told(addresses: dict[str, str]) -> None:
    fault = await fault_of(f"grpc://{addresses['vision_address']}", PICTURE)

    assert isinstance(fault, UnexpectedAnswer)
    assert "does not do this" in str(fault)


class Guarded(Ocr):
    """Reads for nobody without the key "good", as behind a proxy that asks the gateway."""

    async def Recognize(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.RecognizeRequest, context: Context
    ) -> ocr_pb.RecognizeResponse:
        """Judge the key first."""
        if dict(context.invocation_metadata() or ()).get("x-api-key") != "good":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is wrong")
        return await Ocr.Recognize(self, request, context)


async def test_key_and_tls_reach_a_guarded_service(certificate: Certificate) -> None:
    server = grpc.aio.server()
    ocr_rpc.add_OcrServiceServicer_to_server(Guarded(Stage()), server)
    pair = (certificate.key_path.read_bytes(), certificate.path.read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    url, retries = f"grpcs://127.0.0.1:{port}", Time().retries()

    async with Client(url, key="good", ca_file=certificate.path) as client:
        assert (await client.ocr(PICTURE)).result.text == "Extracted text will appear here."
    async with Client(url, key="bad", ca_file=certificate.path, retries=retries) as client:
        with pytest.raises(ApiError, match="the key is wrong") as caught:
            await client.ocr(PICTURE)
    async with Client(url, key="good", retries=retries) as client:
        with pytest.raises(Unreachable):
            await client.ocr(PICTURE)
    await server.stop(0)

    assert (caught.value.status, caught.value.code) == (401, "unauthorized")
