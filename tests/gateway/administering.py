"""A gateway with an admin port, and whoever calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from imagemesh.admin.v1 import admin_service_pb2_grpc as rpc
from scripts.ports import free_port
from tests.gateway.running import Gateway, gateway_settings, running

TOKEN = "0123456789abcdef" * 2
ENOUGH_S = 30  # far more than any RPC; none may hang


@dataclass(frozen=True, slots=True)
class Admin:
    """A gateway and a channel to its admin port."""

    gateway: Gateway  # it listens
    channel: grpc.aio.Channel  # to its admin port
    stub: "rpc.AdminServiceAsyncStub"  # of the admin service

    async def ask(self, method: str, request: Any, *, token: str = TOKEN) -> Any:  # Any: any RPC's
        """Return the answer of an RPC."""
        metadata = (("authorization", f"Bearer {token}"),)
        call = getattr(self.stub, method)
        return await call(request, metadata=metadata, timeout=ENOUGH_S)

    async def refusal(self, method: str, request: Any, *, token: str = TOKEN) -> tuple[str, str]:
        """Return the code and the words with which an RPC is refused."""
        try:
            await self.ask(method, request, token=token)
        except grpc.aio.AioRpcError as error:
            return error.code().name, str(error.details())
        raise AssertionError(f"{method} was answered")


@asynccontextmanager
async def administering(folder: Path, **changes: Any) -> AsyncIterator[Admin]:  # Any: any setting
    """Run a gateway in this event loop, its admin port open."""
    port = free_port()
    switched_on = {"admin_port": port, "admin_token": TOKEN, **changes}
    async with (
        running(gateway_settings(folder, **switched_on)) as gateway,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Admin(gateway, channel, rpc.AdminServiceStub(channel))
