"""Callers that keep a gateway's connections and ask for little: python -m benchmarks.crowd.

    python -m benchmarks.crowd PORT KEY IDLE SLOW

Opens IDLE connections that ask one thing and then keep silent, and SLOW uploads whose bodies drip.
Writes a line once all are there, and holds them until the process is ended.
"""

import asyncio
import sys

import uvloop

BODY_BYTES = 1_000_000
DRIP_BYTES = 1000
DRIP_EVERY_S = 0.5  # so that the gateway's time for a body is over long before the body is


async def _idle(port: int) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
    await reader.readuntil(b"}")
    return writer


async def _upload(port: int, key: str, is_there: asyncio.Event) -> None:
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/classify HTTP/1.1\r\nHost: gateway\r\nX-API-Key: "
            + key.encode()
            + b"\r\nContent-Type: application/json\r\nContent-Length: "
            + str(BODY_BYTES).encode()
            + b'\r\n\r\n{"image": "'
        )
        await writer.drain()
        is_there.set()
        try:
            while True:
                await asyncio.sleep(DRIP_EVERY_S)
                writer.write(b"A" * DRIP_BYTES)
                await writer.drain()
        except ConnectionError:
            continue  # the gateway has waited long enough: here comes the next


async def _run(port: int, key: str, idle: int, slow: int) -> None:
    kept = [await _idle(port) for _ in range(idle)]
    there = [asyncio.Event() for _ in range(slow)]
    async with asyncio.TaskGroup() as group:
        for event in there:
            group.create_task(_upload(port, key, event))
        for event in there:
            await event.wait()
        sys.stdout.write(f"{len(kept)} idle and {slow} slow\n")
        sys.stdout.flush()


def main() -> None:
    """Hold the connections until the process is ended."""
    port, key, idle, slow = sys.argv[1:]
    uvloop.run(_run(int(port), key, int(idle), int(slow)))


if __name__ == "__main__":
    main()
