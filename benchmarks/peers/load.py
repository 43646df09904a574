"""Keep a server busy with the same request, so many at once.

By h2load, of Debian's nghttp2-client, where it is installed: in Python the client would be the
limit of the quickest servers. It speaks HTTP/1.1 and gRPC alike. It does not read what it is told,
so that servers are asked by `Caller` before and after.
"""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from time import monotonic

from benchmarks.peers.asking import ANSWERED, calling
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.wire import grpc_frame

H2LOAD = shutil.which("h2load")
CONNECTIONS = 4  # of gRPC, as a gateway or two might have; HTTP/1.1 needs one for each request
_DONE = re.compile(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")


class LoadFailed(RuntimeError):
    """Some requests were not answered; what was measured says nothing."""


def send(peer: Peer, port: int, *, body: Path, requests: int, in_flight: int) -> float:
    """Send so many requests and return the seconds until all were answered.

    Raises:
        LoadFailed: Not all of them were.
    """
    if H2LOAD is None:
        content = body.read_bytes()
        return asyncio.run(_send_from_python(peer, port, content, requests, in_flight))
    framed = body.with_suffix(f".{peer.name}")
    if not framed.exists():
        message = peer.frame(body.read_bytes())
        framed.write_bytes(grpc_frame(message) if peer.protocol == "grpc" else message)
    connections = CONNECTIONS if peer.protocol == "grpc" else in_flight
    options = ["-n", str(requests), "-c", str(connections), "-m", str(in_flight // connections)]
    if peer.protocol == "grpc":
        options += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    else:
        options += ["--h1", "-H", f"content-type: {peer.content_type}"]
    url = f"http://127.0.0.1:{port}{peer.path}"
    began_s = monotonic()
    run = subprocess.run(  # noqa: S603 - h2load, with what the catalogue names
        [H2LOAD, *options, "-d", str(framed), url], capture_output=True, text=True, check=True
    )
    seconds = monotonic() - began_s
    done = _DONE.search(run.stdout)
    if done is None or int(done[1]) != requests:
        raise LoadFailed(f"{peer.name}: {done[0] if done else run.stdout}")
    return seconds


async def _send_from_python(
    peer: Peer, port: int, content: bytes, requests: int, in_flight: int
) -> float:
    left = iter(range(requests))
    async with calling(peer, port) as caller:

        async def ask_again() -> None:
            for _ in left:
                outcome = await caller.ask(content, expected=b"")
                if outcome.how != ANSWERED:
                    raise LoadFailed(f"{peer.name}: {outcome.how}")

        began_s = monotonic()
        await asyncio.gather(*(ask_again() for _ in range(in_flight)))
        return monotonic() - began_s
