"""What a request costs the kinds of gRPC servers: python -m benchmarks.rpc_servers.

    python -m benchmarks.rpc_servers [--rounds N] [--requests N] [--kib N] [--json F]

Each takes a picture and answers a word: no model, no line, no log. They take turns in one run, 32
requests in flight over four connections. What is compared is the CPU time of their processes.
"""

import argparse
import asyncio
import json
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.machine import describe_machine
from benchmarks.processes import cpu_seconds, running
from imagemesh.vision.v1 import vision_service_pb2 as pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as rpc
from scripts.ports import free_port
from servicekit.limits import MAX_MESSAGE_BYTES
from servicekit.memory import return_freed_memory

PACKAGES = ("grpcio", "protobuf", "uvloop")
METHOD = "/imagemesh.vision.v1.VisionService/Classify"
CONNECTIONS, IN_FLIGHT = 4, 32
WARM_UP_ROUNDS = 1
ANSWER = pb.ClassifyResponse(labels=[pb.Label(tag="word", confidence=1.0)])


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of server.

    Attributes:
        loop: "uvloop", "asyncio", or "" for the server that has threads.
        has_messages: Whether it decodes the request and encodes the answer.
        frame_bytes: The largest frame that it takes; 0 is gRPC's default.
        processes: That listen on one port.
        threads: Of the server without a loop.
    """

    loop: str = "uvloop"
    has_messages: bool = True
    frame_bytes: int = 0
    processes: int = 1
    threads: int = 8


OURS = "grpc.aio, uvloop"
KINDS = {
    OURS: Kind(),
    "grpc.aio, asyncio": Kind(loop="asyncio"),
    "grpc.aio, uvloop, only bytes": Kind(has_messages=False),
    "grpc.aio, uvloop, frames of 1 MiB": Kind(frame_bytes=1 << 20),
    "grpc.aio, uvloop, two processes on the port": Kind(processes=2),
    "threads, 8": Kind(loop=""),
    "threads, 40": Kind(loop="", threads=40),
}


def main() -> None:
    """Measure, print a table and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description="Compare kinds of gRPC servers.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=2000, help="of each in a round")
    parser.add_argument("--kib", type=int, default=100, help="size of the picture")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--be", choices=list(KINDS), help="a server; used by itself")
    parser.add_argument("--port", type=int, default=0, help="of that server")
    arguments = parser.parse_args()
    if arguments.be:
        return_freed_memory()
        serve(KINDS[arguments.be], arguments.port)
        return
    picture = os.urandom(arguments.kib * 1024)
    found = asyncio.run(measure(picture, rounds=arguments.rounds, requests=arguments.requests))
    print("| server | CPU of a request | beside ours |\n| --- | --- | --- |")
    rows = []
    for name, turns in found.items():
        cpu_ms = statistics.median(turns)
        ratio = statistics.median(a / b for a, b in zip(turns, found[OURS], strict=True))
        rows.append({"server": name, "cpu_ms": cpu_ms, "ratio": ratio, **asdict(KINDS[name])})
        print(f"| {name} | {cpu_ms:.2f} ms | {ratio:.2f} |")
    if arguments.json:
        figures = {**describe_machine(PACKAGES), "kib": arguments.kib, "servers": rows}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


async def measure(picture: bytes, *, rounds: int, requests: int) -> dict[str, list[float]]:
    """Return of each kind the milliseconds of CPU time for a request, in the order of rounds."""
    found: dict[str, list[float]] = {name: [] for name in KINDS}
    async with AsyncExitStack() as stack:
        started = {name: await _start(name, kind, stack) for name, kind in KINDS.items()}
        for number in range(WARM_UP_ROUNDS + rounds):
            for name, (channels, processes) in started.items():
                began_s = sum(map(cpu_seconds, processes))
                await _ask(channels, picture, requests)
                spent_s = sum(map(cpu_seconds, processes)) - began_s
                if number >= WARM_UP_ROUNDS:
                    found[name].append(1000 * spent_s / requests)
    return found


async def _start(
    name: str, kind: Kind, stack: AsyncExitStack
) -> tuple[list[grpc.aio.Channel], list[asyncio.subprocess.Process]]:
    port = free_port()
    processes = [
        await stack.enter_async_context(
            running("benchmarks.rpc_servers", "--be", name, "--port", str(port))
        )
        for _ in range(kind.processes)
    ]
    options = (("grpc.use_local_subchannel_pool", 1),)  # else all share one connection
    channels = [
        await stack.enter_async_context(
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)
        )
        for _ in range(CONNECTIONS)
    ]
    return channels, processes


async def _ask(channels: Sequence[grpc.aio.Channel], picture: bytes, requests: int) -> None:
    left = iter(range(requests))
    request = pb.ClassifyRequest(image=picture)

    async def ask_again(channel: grpc.aio.Channel) -> None:
        stub = rpc.VisionServiceStub(channel)
        for _ in left:
            answer = await stub.Classify(request, wait_for_ready=True)
            if answer != ANSWER:
                raise RuntimeError(f"the server answers {answer}")

    await asyncio.gather(
        *(ask_again(channels[number % len(channels)]) for number in range(IN_FLIGHT))
    )


def serve(kind: Kind, port: int) -> None:
    """Answer on a port of loopback until the process is ended."""
    options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    if kind.frame_bytes:
        options.append(("grpc.http2.max_frame_size", kind.frame_bytes))
    address = f"127.0.0.1:{port}"
    if not kind.loop:
        server = grpc.server(ThreadPoolExecutor(kind.threads), options=options)
        server.add_generic_rpc_handlers((_handler(kind, _answer),))
        server.add_insecure_port(address)
        server.start()
        server.wait_for_termination()
        return
    (uvloop.run if kind.loop == "uvloop" else asyncio.run)(_serve(kind, address, options))


async def _serve(kind: Kind, address: str, options: list[tuple[str, int]]) -> None:
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((_handler(kind, _answer_async),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def _answer(*_: object) -> pb.ClassifyResponse:
    return ANSWER


async def _answer_async(*_: object) -> pb.ClassifyResponse:
    return ANSWER


async def _answer_bytes(*_: object) -> bytes:
    return ANSWER.SerializeToString()


# Any: the handlers of all kinds, which the stubs know only as synchronous ones.
def _handler(kind: Kind, answer: Any) -> grpc.GenericRpcHandler:
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(_answer_bytes)
    if kind.has_messages:
        handler = grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=pb.ClassifyRequest.FromString,
            response_serializer=pb.ClassifyResponse.SerializeToString,
        )
    service, _, method = METHOD[1:].partition("/")
    return grpc.method_handlers_generic_handler(service, {method: handler})


if __name__ == "__main__":
    main()
