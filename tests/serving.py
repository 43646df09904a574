"""A service on a real server with a channel to it, and the failures of its RPCs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from servicekit.client import open_channel
from servicekit.server import Service, serving
from servicekit.settings import ServiceSettings
from servicekit.statuses import reason_of


@asynccontextmanager
async def connected(service: Service, settings: ServiceSettings) -> AsyncIterator[grpc.aio.Channel]:
    """Serve and yield a channel to the server."""
    async with (
        serving(service, settings) as port,
        open_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


async def failure(call: Any) -> tuple[grpc.StatusCode, str | None, str]:  # Any: a call of any RPC
    """Return the status, the reason and the message that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason_of(caught.value), str(caught.value.details())
