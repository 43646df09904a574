"""Mutual TLS between a service and its callers, with real servers and certificates."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from scripts.dev_certificates import make_certificates
from scripts.ports import free_port
from servicekit.client import open_channel
from servicekit.server import serving
from servicekit.settings import ServiceSettings, load_settings
from tests.servicekit.echo import NAME, Echo
from tests.serving import failure

REQUEST = pb.AnalyzeTextRequest(text="four")


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Folder of the certificates of a mesh."""
    make_certificates(tmp_path / "mesh")
    return tmp_path / "mesh"


@pytest.fixture
async def ports(certificates: Path) -> AsyncIterator[tuple[int, int]]:
    """Ports of a service that asks for certificates, and of its health."""
    health_port = free_port()
    settings = ServiceSettings(
        port=0, metrics_port=0, tls_dir=certificates, health_port=health_port
    )
    async with serving(Echo().service(), settings) as port:
        yield port, health_port


async def answer(port: int, folder: Path | None) -> float:
    """Return the answer to a caller with the certificates of a folder."""
    async with open_channel(f"localhost:{port}", tls_dir=folder) as channel:
        answered = await rpc.OcrServiceStub(channel).AnalyzeText(REQUEST, timeout=5)
    return answered.seconds


async def test_processes_of_the_mesh_answer_each_other(
    ports: tuple[int, int], certificates: Path
) -> None:
    assert await answer(ports[0], certificates) == len(REQUEST.text)


@pytest.mark.parametrize("caller", ["plain", "strange"])
async def test_a_caller_without_a_certificate_of_the_mesh_is_refused(
    ports: tuple[int, int], tmp_path: Path, caller: str
) -> None:
    make_certificates(tmp_path / "strange")

    code, _, _ = await failure(answer(ports[0], tmp_path / caller if caller != "plain" else None))

    assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_renewed_certificate_is_taken_without_a_restart(
    ports: tuple[int, int], certificates: Path
) -> None:
    make_certificates(certificates)  # of a new authority, which the old ones do not pass

    assert await answer(ports[0], certificates) == len(REQUEST.text)


async def test_probes_ask_for_health_without_tls_and_for_nothing_else(
    ports: tuple[int, int],
) -> None:
    async with open_channel(f"localhost:{ports[1]}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
        health = await stub.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=5)
        code, _, _ = await failure(rpc.OcrServiceStub(channel).AnalyzeText(REQUEST, timeout=5))

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert code is grpc.StatusCode.UNIMPLEMENTED


def test_a_folder_without_a_key_is_refused(
    certificates: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (certificates / "tls.key").unlink()
    for name, value in (("IMAGEMESH_TLS_DIR", certificates), ("PORT", 1), ("METRICS_PORT", 0)):
        monkeypatch.setenv(name, str(value))

    with pytest.raises(SystemExit):
        load_settings(ServiceSettings)

    assert "setting IMAGEMESH_TLS_DIR: Value error, has no tls.key" in capsys.readouterr().err
