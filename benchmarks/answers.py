"""Compare answers under load with those to single requests: python -m benchmarks.answers.

    python -m benchmarks.answers [--images N] [--rounds N] [--photos FOLDER] [--services A,B]
    python -m benchmarks.answers --languages eng,rus,ara,hin,chi_sim,tha,ell,kor [--rounds N]

Distinct images are sent one after the other, then all at once in every round, to every RPC of every
real service; as a document each has two pages. They are drawn, with a word on each, or made of the
photos of a folder. An answer under load must equal, byte for byte but for the seconds, the one that
its image had alone: anything else is crossed or depends on its neighbors. With `--languages` a
rendered page in each of them is recognized. The peak memory of each service is printed.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from time import monotonic
from typing import Any

import cyclopts
import grpc
from PIL import Image

from benchmarks.calls import CALLS, Call
from benchmarks.images import draw_word, shade_photo
from benchmarks.pages import render
from benchmarks.processes import memory_mib, serving
from benchmarks.reports import report
from imagemesh.ocr.v1.ocr_service_pb2 import RecognizeDocumentResponse, RecognizeRequest
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub
from ocr.languages import all_languages

HEAD = ("RPC", "answers under load", "distinct", "crossed", "otherwise different", "seconds")
# By default a service refuses requests that would wait too long.
LIMITS = {"max_concurrent_rpcs": 1000}


Row = tuple[str, int, int, int, int, float]  # as HEAD says
Ask = Callable[[grpc.aio.Channel], Awaitable[Any]]  # Any: the answer of any RPC


def main(
    *,
    images: int = 200,
    rounds: int = 20,
    photos: Path | None = None,
    services: str = ",".join(CALLS),
    languages: str = "",
) -> None:
    """Compare answers and exit with 1 where one differs."""
    if languages:
        asks = {"ocr": {"Recognize": [_recognize_page(code) for code in languages.split(",")]}}
    else:
        files = sorted(photos.glob("*.jpg")) if photos else []
        sent = [
            shade_photo(files[number % len(files)], number) if files else draw_word(number)
            for number in range(images)
        ]
        asks = {
            name: {rpc: [_ask(call, image) for image in sent] for rpc, call in CALLS[name].items()}
            for name in services.split(",")
        }
    found = asyncio.run(compare_all(asks, rounds=rounds))
    report(HEAD, found)
    sys.exit(any(crossed or other for _, _, _, crossed, other, _ in found))


def _ask(call: Call, image: bytes) -> Ask:
    return lambda channel: call(channel, image)


def _recognize_page(code: str) -> Ask:
    file = BytesIO()
    Image.fromarray(render(all_languages()[code]).pixels).save(file, "PNG")
    request = RecognizeRequest(image=file.getvalue(), language=code)
    return lambda channel: OcrServiceStub(channel).Recognize(request)


async def compare_all(asks: dict[str, dict[str, list[Ask]]], *, rounds: int) -> list[Row]:
    """Return the rows of these requests to RPCs of services, printed as it is found."""
    found = []
    for name, rpcs in asks.items():
        async with serving(name, LIMITS) as (channel, process):
            for rpc, requests in rpcs.items():
                found.append(await _compare(rpc, requests, channel, rounds=rounds))
                print(*found[-1], flush=True)
            print(f"{name} held at most {memory_mib(process, 'VmHWM'):.0f} MiB", flush=True)
    return found


async def _compare(rpc: str, requests: list[Ask], channel: grpc.aio.Channel, *, rounds: int) -> Row:
    """Count answers under load that another image had alone, and those that none had."""
    began_s = monotonic()
    alone = [_to_bytes(await ask(channel)) for ask in requests]
    known = set(alone)
    crossed = other = 0
    for _ in range(rounds):
        answers = await asyncio.gather(*(ask(channel) for ask in requests))
        for expected, answer in zip(alone, map(_to_bytes, answers), strict=True):
            if answer != expected:
                crossed += answer in known
                other += answer not in known
    seconds = round(monotonic() - began_s, 1)
    return rpc, rounds * len(requests), len(known), crossed, other, seconds


def _to_bytes(answer: Any) -> bytes:  # Any: the answer of any RPC, or all of a stream
    if isinstance(answer, list):
        return b"".join(map(_to_bytes, answer))
    timed = answer.page.read if isinstance(answer, RecognizeDocumentResponse) else answer
    timed.ClearField("seconds")
    content: bytes = answer.SerializeToString(deterministic=True)
    return content


if __name__ == "__main__":
    cyclopts.run(main)
