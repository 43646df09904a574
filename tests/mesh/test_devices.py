"""A missing device makes the service NOT_SERVING and the doctor exit with 1."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
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


def told_cuda(*services: str) -> dict[str, str]:
    told = {"DEVICE": "cuda", "PORT": "0", "METRICS_PORT": "0", "LOG_FORMAT": "json"}
    settings = {f"{one.upper()}_{name}": told[name] for one in services for name in told}
    return {**os.environ, **settings}  # noqa: TID251 - of a child


async def test_service_is_not_serving_and_says_why_once_for_each_model() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vision"), env=told_cuda("vision"), stdout=asyncio.subprocess.PIPE
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


async def doctor(environment: Mapping[str, str]) -> tuple[int | None, list[str]]:
    """Return the exit code of the doctor, and a line for each model."""
    command = "import sys; from commandkit.cli import main; sys.exit(main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", command, "doctor"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()
    return process.returncode, output.decode().splitlines()[1:]


async def test_doctor_exits_with_1_and_says_why_for_each_model() -> None:
    code, rows = await doctor(told_cuda(*SERVICES))

    assert code == 1
    assert {row.split()[0] for row in rows} == set(SERVICES)
    assert all("device is cuda" in row for row in rows)


async def test_doctor_names_the_provider_of_each_model() -> None:
    code, rows = await doctor(told_cuda())

    assert code == 0, rows
    assert len(rows) == 9
    assert all("CPUExecutionProvider" in row and row.endswith(" ok") for row in rows)
