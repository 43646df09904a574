"""Fixtures of the OCR service's tests, each with its models loaded once."""

from collections.abc import AsyncIterator, Iterator

import pytest

from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.manifest import load_manifest
from ocr.loaders import load_reader
from ocr.reading import Reader
from ocr.settings import OcrSettings
from tests.ocr.serving import running


@pytest.fixture(scope="session")
async def stub(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator["rpc.OcrServiceAsyncStub"]:
    """Return a stub of a service that all tests share."""
    async with running(tmp_path_factory.mktemp("models")) as stub:
        yield stub


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Return a reader that all tests share."""
    settings = OcrSettings(models_dir=tmp_path_factory.mktemp("models"), threads=1)
    reader = load_reader(settings, load_manifest("ocr")).model
    yield reader
    reader.close()
