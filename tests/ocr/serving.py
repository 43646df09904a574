"""The real OCR service on a real server, and a stub of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.manifest import ModelEntry
from ocr.service import build_service
from ocr.settings import OcrSettings
from servicekit.client import open_channel
from servicekit.server import serving
from servicekit.statuses import reason_of


@asynccontextmanager
async def running(
    models_dir: Path, entries: Sequence[ModelEntry] | None = None, **changes: Any
) -> AsyncIterator["rpc.OcrServiceAsyncStub"]:
    """Serve with settings and models of a test; Any: the values of any field."""
    fixed = {"port": 0, "metrics_port": 0, "models_dir": models_dir, "threads": 1}
    settings = OcrSettings(**{**fixed, **changes})
    async with (
        serving(build_service(settings, entries=entries), settings) as port,
        open_channel(f"localhost:{port}") as channel,
    ):
        yield rpc.OcrServiceStub(channel)


async def failure(call: Any) -> tuple[grpc.StatusCode, str | None, str]:  # Any: a call of any RPC
    """Return the status, the reason and the message that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), reason_of(caught.value), str(caught.value.details())
