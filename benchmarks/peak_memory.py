"""Start the real services on loopback and read their peak memory around a burst of requests."""

import asyncio
import os
import re
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as colorize_rpc
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from servicekit.client import open_channel

READY_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 300.0
REQUESTS_OF_EACH_RPC = 8  # all at once
KIB_IN_MIB = 1024

# Any: a call of any RPC of any service.
Call = Callable[[grpc.aio.Channel, bytes], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """Most memory that a service's process ever held, as Linux counts it (VmHWM)."""

    service: str
    started_mib: float
    burst_mib: float
    requests: int


async def measure_services(picture: bytes) -> list[PeakMemory]:
    """Return the peaks of all services, measured one after the other with one thread each."""
    return [await _measure(name, calls, picture) for name, calls in _CALLS.items()]


async def _measure(name: str, calls: tuple[Call, ...], picture: bytes) -> PeakMemory:
    port = _free_port()
    prefix = name.upper()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        name,
        env={
            **os.environ,  # noqa: TID251 - the process needs the machine's
            f"{prefix}_PORT": str(port),
            f"{prefix}_METRICS_PORT": "0",
            f"{prefix}_THREADS": "1",
        },
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with open_channel(f"127.0.0.1:{port}") as channel:
            await asyncio.wait_for(_serving(channel), READY_WITHIN_S)
            started_mib = _peak_mib(process)
            requests = [call for call in calls for _ in range(REQUESTS_OF_EACH_RPC)]
            await asyncio.wait_for(
                asyncio.gather(*(call(channel, picture) for call in requests)), ANSWERED_WITHIN_S
            )
            return PeakMemory(name, started_mib, _peak_mib(process), len(requests))
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _serving(channel: grpc.aio.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)  # Any: it ships no types
    while True:
        with suppress(grpc.aio.AioRpcError):
            answer = await health.Check(health_pb2.HealthCheckRequest())
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
        await asyncio.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _peak_mib(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("the service ended before its memory was read")
    return int(found[1]) / KIB_IN_MIB


async def _colorize(channel: grpc.aio.Channel, image: bytes) -> None:
    stub = colorize_rpc.ColorizeServiceStub(channel)
    await stub.Colorize(colorize_pb.ColorizeRequest(image=image))


async def _recognize(channel: grpc.aio.Channel, image: bytes) -> None:
    stub = ocr_rpc.OcrServiceStub(channel)
    await stub.Recognize(ocr_pb.RecognizeRequest(image=image, language="eng"))


async def _classify(channel: grpc.aio.Channel, image: bytes) -> None:
    stub = vision_rpc.VisionServiceStub(channel)
    await stub.Classify(vision_pb.ClassifyRequest(image=image))


async def _detect_emotions(channel: grpc.aio.Channel, image: bytes) -> None:
    stub = vision_rpc.VisionServiceStub(channel)
    await stub.DetectEmotions(vision_pb.DetectEmotionsRequest(image=image))


async def _detect_nudity(channel: grpc.aio.Channel, image: bytes) -> None:
    stub = vision_rpc.VisionServiceStub(channel)
    await stub.DetectNudity(vision_pb.DetectNudityRequest(image=image))


_CALLS: dict[str, tuple[Call, ...]] = {
    "colorize": (_colorize,),
    "ocr": (_recognize,),
    "vision": (_classify, _detect_emotions, _detect_nudity),
}
