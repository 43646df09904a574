"""Drain on SIGTERM: requests in flight are finished, new ones go to another server."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from scripts.ports import free_port

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
HELLO = pb.AnalyzeTextRequest(text="hello")


@asynccontextmanager
async def echoing(port: int) -> AsyncIterator[Process]:
    """Run the echo; end it if it has not ended."""
    command = (sys.executable, "-m", "tests.servicekit.echo_process", str(port))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refusal(stub: "rpc.OcrServiceAsyncStub") -> grpc.StatusCode:
    """Ask until there is no answer, because the signal has arrived; return the status.

    What arrives in the very moment when the server stops to take RPCs, gRPC itself cancels; callers
    in the mesh send it again as they do what is UNAVAILABLE.
    """
    while True:
        try:
            await stub.AnalyzeText(HELLO)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                return error.code()


async def test_sigterm_finishes_what_is_in_flight_refuses_what_is_late_and_exits_with_0() -> None:
    port = free_port()
    options = [("grpc.enable_retries", 0)]
    async with (
        asyncio.timeout(WITHIN_S),
        echoing(port) as process,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
    ):
        stub: rpc.OcrServiceAsyncStub = rpc.OcrServiceStub(channel)
        await stub.AnalyzeText(HELLO, wait_for_ready=True)
        held = [stub.AnalyzeText(pb.AnalyzeTextRequest(text="wait")) for _ in range(12)]
        await stub.AnalyzeText(HELLO)  # which came behind them

        process.send_signal(signal.SIGTERM)
        late = await refusal(stub)
        assert process.stdin is not None
        process.stdin.close()

        assert late is grpc.StatusCode.UNAVAILABLE
        assert [(await answer).seconds for answer in held] == [4] * 12
        assert await process.wait() == 0
