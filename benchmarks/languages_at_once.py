"""Read eight languages at once for minutes: python -m benchmarks.languages_at_once.

    python -m benchmarks.languages_at_once [--minutes N] [--languages A,B] [--json FILE]

A real ocr service is asked by one caller a language, each for a page of its own, again and again.
The text must be, to the letter, what the page gave when it was asked for alone: anything else is
another caller's or was disturbed by one. What the process holds at most is read at the end.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from time import monotonic

import grpc
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.pages import render
from benchmarks.processes import memory_mib, serving
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from ocr.languages import all_languages

LANGUAGES = "eng,rus,ara,hin,chi_sim,tha,ell,kor"
PACKAGES = ("grpcio", "onnxruntime", "rapidocr", "tesserocr")
ANSWERED_WITHIN_S = 120.0
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """One language's page, what it reads as alone, and what came of asking for it at once."""

    language: str
    letters: int
    pages: int = 0
    other_text: int = 0


def main() -> None:
    """Read, print a table, and exit with 1 where a text differs."""
    parser = argparse.ArgumentParser(description="Read several languages at once.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--languages", default=LANGUAGES, help="codes with commas between")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    codes = arguments.languages.split(",")
    callers, peak_mib = asyncio.run(read_all(codes, minutes=arguments.minutes))
    print("| language | letters | pages | another text |")
    print("| --- | --- | --- | --- |")
    for one in callers:
        print(f"| {one.language} | {one.letters} | {one.pages} | {one.other_text} |")
    print(f"{arguments.minutes:g} minutes; the service held at most {peak_mib:.0f} MiB.")
    if arguments.json:
        told = {"minutes": arguments.minutes, "peak_mib": round(peak_mib)}
        figures = {
            **describe_machine(PACKAGES),
            **told,
            "callers": [asdict(one) for one in callers],
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(any(one.other_text for one in callers))


async def read_all(codes: list[str], *, minutes: float) -> tuple[list[Caller], float]:
    """Return what came of it, and the most memory that the service held, in MiB."""
    async with serving("ocr") as (channel, process):
        pages = {code: _to_png(code) for code in codes}
        alone = {code: await _read(channel, code, page) for code, page in pages.items()}
        ends_s = monotonic() + minutes * _MINUTE_S
        callers = await asyncio.gather(
            *(_ask_again(channel, code, pages[code], alone[code], ends_s) for code in codes)
        )
        return callers, memory_mib(process, "VmHWM")


async def _ask_again(
    channel: grpc.aio.Channel, code: str, page: bytes, alone: str, ends_s: float
) -> Caller:
    pages = other_text = 0
    while monotonic() < ends_s:
        other_text += await _read(channel, code, page) != alone
        pages += 1
    return Caller(code, len(alone), pages, other_text)


async def _read(channel: grpc.aio.Channel, code: str, page: bytes) -> str:
    request = pb.RecognizeRequest(image=page, language=code)
    answer = await rpc.OcrServiceStub(channel).Recognize(request, timeout=ANSWERED_WITHIN_S)
    return answer.text


def _to_png(code: str) -> bytes:
    file = BytesIO()
    Image.fromarray(render(all_languages()[code]).pixels).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
