"""Fixtures of the OCR service's tests: one service with its models loaded."""

from collections.abc import AsyncIterator

import pytest

from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from tests.ocr.serving import running


@pytest.fixture(scope="session")
async def stub(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator["rpc.OcrServiceAsyncStub"]:
    """Return a stub of a service that all tests share."""
    async with running(tmp_path_factory.mktemp("models")) as stub:
        yield stub
