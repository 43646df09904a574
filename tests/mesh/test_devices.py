"""A missing device makes the service NOT_SERVING and the doctor exit with 1."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import grpc
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelkit.runtime import CUDA_PROVIDER

WITHIN_S = 120
SERVICES = ("colorize", "ocr", "vision")

pytestmark = pytest.mark.skipif(
    CUDA_PROVIDER in onnxruntime.get_available_providers(), reason="CUDA may be had here"
)


def told_cuda(service: str) -> dict[str, str]:
    prefix = service.upper()
    told = {"DEVICE": "cuda", "PORT": "0", "METRICS_PORT": "0", "LOG_FORMAT": "json"}
    return {**os.environ, **{f"{prefix}_{name}": value for name, value in told.items()}}  # noqa: TID251 - of a child


@pytest.mark.parametrize("service", SERVICES)
async def test_service_is_not_serving_and_says_why_once_for_each_model(service: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service), env=told_cuda(service), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []  # Any: the values of a log line
    async with asyncio.timeout(WITHIN_S):
        while not lines or lines[-1]["event"] != "server started":
            lines.append(json.loads(await process.stdout.readline()))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{lines[-1]['port']}") as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
            answer = await health.Check(health_pb2.HealthCheckRequest())
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    faults = [line for line in lines if line["event"] == "model not ready"]
    assert len({line["task"] for line in faults}) == len(faults) > 0
    assert all("device is cuda" in line["reason"] for line in faults)
    assert process.returncode == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_doctor_exits_with_1(service: str) -> None:
    doctor = [sys.executable, "-c", "import sys; from commandkit.cli import main; sys.exit(main())"]
    process = await asyncio.create_subprocess_exec(
        *(*doctor, "doctor", service), env=told_cuda(service), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()

    assert process.returncode == 1
    assert "device is cuda" in output.decode()


async def test_doctor_names_the_provider_of_each_model() -> None:
    doctor = [sys.executable, "-c", "import sys; from commandkit.cli import main; sys.exit(main())"]
    process = await asyncio.create_subprocess_exec(
        *doctor, "doctor", stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()

    _, *rows = output.decode().splitlines()
    assert process.returncode == 0, output.decode()
    assert len(rows) == 9
    assert all("CPUExecutionProvider" in row and row.endswith(" ok") for row in rows)
