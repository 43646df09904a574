"""The real OCR service on a real server, and a stub of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.manifest import ModelEntry
from ocr.service import build_service
from ocr.settings import OcrSettings
from tests.serving import connected


@asynccontextmanager
async def running(
    models_dir: Path, entries: Sequence[ModelEntry] | None = None, **changes: Any
) -> AsyncIterator["rpc.OcrServiceAsyncStub"]:
    """Serve with settings and models of a test; Any: the values of any field."""
    fixed = {"port": 0, "metrics_port": 0, "models_dir": models_dir, "threads": 1}
    settings = OcrSettings(**{**fixed, **changes})
    async with connected(build_service(settings, entries=entries), settings) as channel:
        yield rpc.OcrServiceStub(channel)
