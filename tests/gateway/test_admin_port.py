"""The admin port: who may call it, where it is, when it is there, and how it ends."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from gateway.admin.service import NAME
from gateway.settings import GatewaySettings
from imagemesh.admin.v1 import admin_service_pb2 as pb
from imagemesh.admin.v1 import admin_service_pb2_grpc as rpc
from servicekit.settings import load_settings
from tests.gateway.administering import TOKEN, Admin, administering
from tests.gateway.running import gateway_settings, running

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["AdminService"].methods]
ENOUGH_S = 30  # far more than any RPC; none may hang


@pytest.fixture(scope="module")
async def admin(
    addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Admin]:
    """A gateway for tests that change nothing."""
    async with administering(tmp_path_factory.mktemp("admin"), **addresses) as found:
        yield found


async def code_of(call: Any) -> grpc.StatusCode:  # Any: a call of any RPC
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", TOKEN),),
        (("authorization", f"Basic {TOKEN}"),),
        (("authorization", f"Bearer {TOKEN}x"),),
        (("authorization", f"Bearer {TOKEN[:-1]}"),),
        (("authorization", f"Bearer {TOKEN.upper()}"),),
        (("x-api-key", TOKEN),),
        (("authorization-bin", f"Bearer {TOKEN}".encode()),),
    ],
)
async def test_without_the_token_nothing_is_answered(
    admin: Admin, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    call = admin.stub.ListKeys(pb.ListKeysRequest(), metadata=metadata, timeout=ENOUGH_S)

    assert await code_of(call) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", METHODS)
async def test_every_rpc_asks_for_the_token_which_no_api_key_is(admin: Admin, method: str) -> None:
    request = getattr(pb, f"{method}Request")()

    for token in ("x" * 32, admin.gateway.key):
        code, words = await admin.refusal(method, request, token=token)

        assert code == "UNAUTHENTICATED"
        assert "authorization: Bearer" in words


async def test_scheme_is_read_in_any_case(admin: Admin) -> None:
    metadata = (("authorization", f"bearer {TOKEN}"),)

    page = await admin.stub.ListKeys(pb.ListKeysRequest(), metadata=metadata, timeout=ENOUGH_S)

    assert len(page.keys) == 1


async def test_logs_hold_neither_token_nor_key(admin: Admin) -> None:
    with capture_logs() as lines:
        made = await admin.ask("CreateKey", pb.CreateKeyRequest(account="logs"))
        await admin.refusal("ListKeys", pb.ListKeysRequest(), token="wrong" * 8)

    assert [line["event"] for line in lines].count("rpc") == 2
    for secret in (TOKEN, made.key, "wrongwrong"):
        assert secret not in repr(lines)


async def test_probes_need_no_token(admin: Admin) -> None:
    stub: Any = health_pb2_grpc.HealthStub(admin.channel)  # Any: its stubs know no methods

    found = [
        (await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=ENOUGH_S)).status
        for name in ("", NAME)
    ]

    assert found == [health_pb2.HealthCheckResponse.SERVING] * 2


@pytest.mark.parametrize("method", METHODS)
async def test_public_port_knows_no_admin_method(admin: Admin, method: str) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "X-API-Key": admin.gateway.key,
        "Content-Type": "application/grpc",
    }

    reply = await admin.gateway.send("POST", f"/{NAME}/{method}", body=b"\0" * 5, headers=headers)

    assert reply.refusal == (404, "not_found")


async def test_there_is_no_admin_port_unless_told(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    settings = gateway_settings(tmp_path, **addresses)

    with capture_logs() as lines:
        async with running(settings) as gateway:
            assert (await gateway.get("/healthz")).status == 200

    assert (settings.admin_port, settings.admin_host) == (0, "127.0.0.1")
    assert NAME not in [line.get("service") for line in lines]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False)


async def test_rpc_in_flight_is_answered_when_the_gateway_ends(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    """A lock on the database keeps the RPC in flight until the port refuses new ones."""
    async with asyncio.timeout(ENOUGH_S), AsyncExitStack() as stack:
        gateway = administering(tmp_path, drain_s=ENOUGH_S, **addresses)
        admin = await stack.enter_async_context(gateway)
        port = admin.gateway.settings.admin_port
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            caller = replace(admin, channel=channel, stub=rpc.AdminServiceStub(channel))
            with closing(_connect(tmp_path / "gateway.db")) as database:
                # In a thread: the gateway may have to end a transaction first.
                await asyncio.to_thread(database.execute, "BEGIN IMMEDIATE")
                request = pb.CreateKeyRequest(account="ada")
                made = asyncio.create_task(caller.ask("CreateKey", request))
                await health_is(channel, health_pb2.HealthCheckResponse.SERVING)  # asked after it
                ending = asyncio.create_task(stack.aclose())
                await health_is(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
                was_answered = made.done()
            await ending

            assert not was_answered
            assert (await made).key.startswith("im_live_")


async def health_is(channel: grpc.aio.Channel, status: int) -> None:
    """Wait until the health of the port is this."""
    stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: its stubs know no methods
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=NAME))
    async for answer in watch:
        if answer.status == status:
            watch.cancel()  # the port waits for it as for any RPC
            return


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "32 characters at least for the admin port"),
        ("x" * 31, "32 characters at least for the admin port"),
        ("x" * 32 + "\n", "visible ASCII"),
        ("x x" * 20, "visible ASCII"),
        ("ü" * 32, "visible ASCII"),
    ],
)
def test_admin_port_needs_a_token_that_can_be_sent(token: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GatewaySettings(admin_port=9000, admin_token=SecretStr(token))


def test_token_without_a_port_is_none_or_long() -> None:
    assert GatewaySettings(admin_token=SecretStr("x" * 32)).admin_port == 0
    with pytest.raises(ValidationError, match="32 characters at least, or none"):
        GatewaySettings(admin_token=SecretStr("x"))


def test_faults_of_the_admin_port_are_told_at_once_and_without_the_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_DRAIN_S", "-1")
    monkeypatch.setenv("GATEWAY_ADMIN_PORT", "8080")
    monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "too-short-a-token")

    with pytest.raises(SystemExit):
        load_settings(GatewaySettings)

    told = capsys.readouterr().err
    assert [line.split(":")[0] for line in told.splitlines()] == [
        "setting GATEWAY_DRAIN_S",
        "setting GATEWAY_ADMIN_PORT",
        "setting GATEWAY_ADMIN_TOKEN",
    ]
    assert "is the public port" in told
    assert "too-short-a-token" not in told
