"""The commands of a caller: `imagemesh ocr scan.png` and the others of the entry points."""

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from contract.endpoint import EndpointRequest
from contract.endpoints.analyzed_ocr import AnalyzedOcrRequest
from contract.endpoints.analyzed_text import AnalyzedTextRequest
from contract.endpoints.classify import ClassifyRequest
from contract.endpoints.colorize import ColorizeAnswer, Colorized, ColorizeRequest
from contract.endpoints.emotions import EmotionsRequest
from contract.endpoints.nudity import Frame, NudityRequest
from contract.endpoints.ocr import Format, HostedPdf, OcrRequest, PdfAnswer, TextLayer
from contract.table import ENDPOINTS
from imagemesh.client import printing
from imagemesh.client.arguments import (
    add_min_confidence,
    add_output,
    add_selection,
    input_parser,
    parameter,
    server_parser,
)
from imagemesh.client.client import AsyncClient
from imagemesh.client.images import is_data_uri
from imagemesh.client.inputs import (
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    TEXT_SUFFIXES,
    Input,
    read_text,
)
from imagemesh.client.outcomes import Found, NothingHosted
from imagemesh.client.running import look_up, work_in_bulk, work_through
from imagemesh.client.saving import OutputFolder

Request = EndpointRequest[Any]  # Any: of each endpoint its own answer
Arguments = argparse.Namespace


def colorize(argv: Sequence[str]) -> int:
    """Color black-and-white photos."""
    parser = input_parser("colorize", "Color black-and-white photos.")
    add_output(parser, of="NAME-colorized.jpg (or .png)")
    arguments = parser.parse_args(argv)
    request = ColorizeRequest(details=arguments.details)
    ask = partial(_ask_for_file, request, _output_of(arguments, ending="-colorized"))
    return work_through(arguments, ask, show=printing.show_colorized, suffixes=IMAGE_SUFFIXES)


def ocr(argv: Sequence[str]) -> int:
    """Read the text of images and documents."""
    parser = input_parser("ocr", "Read the text of images, PDF and TIFF files.")
    parser.add_argument(
        "--format", choices=tuple(Format), default="text", help="what to make of it (text)"
    )
    parser.add_argument("--pages", metavar="RANGE", help='those to read, such as "1-3,7" or "5-"')
    parser.add_argument(
        "--text-layer", choices=tuple(TextLayer), default="use", help="text within a PDF (use)"
    )
    add_output(parser, of="NAME-ocr.pdf of --format pdf")
    parser.add_argument(
        "--lang", default="eng", help="language code, as `imagemesh languages` lists them (eng)"
    )
    add_min_confidence(parser, of="lines that are less sure are left out, but for those of text")
    arguments = parser.parse_args(argv)
    if arguments.output is not None and arguments.format != Format.PDF:
        parser.error("--output needs --format pdf; the others are printed")
    request = OcrRequest(
        lang=arguments.lang,
        min_confidence=arguments.min_confidence,
        format=Format[arguments.format.upper()],
        pages=msgspec.UNSET if arguments.pages is None else arguments.pages,
        text_layer=TextLayer[arguments.text_layer.upper()],
        details=arguments.details,
    )
    ask = partial(_ask_for_file, request, _output_of(arguments, ending="-ocr"))
    return work_through(arguments, ask, show=printing.show_read, suffixes=DOCUMENT_SUFFIXES)


def analyze(argv: Sequence[str]) -> int:
    """Summarize, tag and judge English text."""
    parser = input_parser(
        "analyze", "Summarize, tag and judge the English text of images and PDFs."
    )
    parser.add_argument("--pages", metavar="RANGE", help='those to read, such as "1-3,7" or "5-"')
    parser.add_argument(
        "--text", action="store_true", help="the inputs are text files (UTF-8), not images"
    )
    arguments = parser.parse_args(argv)
    if arguments.text:
        show = printing.show_analysis
        return work_through(arguments, _ask_of_text, show=show, suffixes=TEXT_SUFFIXES)
    request = AnalyzedOcrRequest(
        pages=msgspec.UNSET if arguments.pages is None else arguments.pages,
        details=arguments.details,
    )
    ask = partial(_ask, request)
    return work_through(arguments, ask, show=printing.show_analysis, suffixes=DOCUMENT_SUFFIXES)


def emotions(argv: Sequence[str]) -> int:
    """Read the visible expressions of faces."""
    parser = input_parser("emotions", "Read the visible expressions of the faces in photos.")
    add_selection(parser, limit=7, of="emotions for each face, 1 to 7")
    arguments = parser.parse_args(argv)
    request = EmotionsRequest(
        limit=arguments.limit,
        min_confidence=arguments.min_confidence,
        details=arguments.details,
    )
    return _ask_of_images(arguments, request, printing.show_faces)


def classify(argv: Sequence[str]) -> int:
    """Name what photos show."""
    parser = input_parser("classify", "Name what photos show.")
    add_selection(parser, limit=5, of="labels at most, 1 to 100")
    arguments = parser.parse_args(argv)
    request = ClassifyRequest(
        limit=arguments.limit,
        min_confidence=arguments.min_confidence,
        details=arguments.details,
    )
    return _ask_of_images(arguments, request, printing.show_labels)


def nudity(argv: Sequence[str]) -> int:
    """Say whether photos hold nudity."""
    parser = input_parser("nudity", "Say whether photos hold nudity.")
    parser.add_argument(
        "--frame", choices=tuple(Frame), default="first", help="frames of an animation (first)"
    )
    arguments = parser.parse_args(argv)
    request = NudityRequest(frame=Frame[arguments.frame.upper()], details=arguments.details)
    return _ask_of_images(arguments, request, printing.show_nudity)


def bulk(argv: Sequence[str]) -> int:
    """Ask one endpoint about a folder or bucket of images."""
    parser = server_parser("bulk", "Ask one endpoint about many images; run again, it resumes.")
    known = [endpoint.name for endpoint in ENDPOINTS if endpoint.takes_image]
    parser.add_argument("endpoint", choices=known, metavar="ENDPOINT", help=", ".join(known))
    parser.add_argument(
        "input", metavar="INPUT", help="folder, .zip, .jsonl manifest, or s3:// of the gateway"
    )
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--output", type=Path, metavar="FILE", help="write JSON Lines there")
    task.add_argument("--dry-run", action="store_true", help="count the items and tell their price")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=parameter,
        metavar="NAME=VALUE",
        help="a parameter of the endpoint, such as limit=3",
    )
    arguments = parser.parse_args(argv)
    return work_in_bulk(arguments, dict(arguments.set))


def languages(argv: Sequence[str]) -> int:
    """Print the languages that the server reads."""
    parser = server_parser("languages", "Print the languages that the server reads.")
    return look_up(parser.parse_args(argv), AsyncClient.languages, show=printing.show_languages)


def usage(argv: Sequence[str]) -> int:
    """Print the balance and the usage of the key's account."""
    parser = server_parser("usage", "Print the balance and the usage of the key's account.")
    return look_up(parser.parse_args(argv), AsyncClient.usage, show=printing.show_usage)


def _ask_of_images(arguments: Arguments, request: Request, show: printing.Show) -> int:
    return work_through(arguments, partial(_ask, request), show=show, suffixes=IMAGE_SUFFIXES)


async def _ask(request: Request, client: AsyncClient, given: Input, _: Arguments) -> Found:
    return Found(await client.ask(request, given.source))


async def _ask_of_text(client: AsyncClient, given: Input, arguments: Arguments) -> Found:
    text = await asyncio.to_thread(read_text, given.source)
    return Found(await client.ask(AnalyzedTextRequest(text=text, details=arguments.details)))


async def _ask_for_file(
    request: Request,
    output: OutputFolder | None,
    client: AsyncClient,
    given: Input,
    arguments: Arguments,
) -> Found:
    """Ask for an answer that may name a file, which is saved where there is a folder for it."""
    if output is not None:
        output.claim(given.place)
    answer = await client.ask(request, given.source)
    if not isinstance(answer, ColorizeAnswer | PdfAnswer):
        return Found(answer)
    url = answer.result.pdf if isinstance(answer, PdfAnswer) else answer.result.colorized
    if output is None:
        if is_data_uri(url) and not arguments.json:
            raise NothingHosted("the server hosts no results; name a folder with --output")
        return Found(answer)
    file = await client.download(answer)
    path = await asyncio.to_thread(output.save, file, given.place)
    if not is_data_uri(url):
        return Found(answer, path)
    # The file itself, in base64, would drown everything else.
    named = HostedPdf if isinstance(answer, PdfAnswer) else Colorized
    return Found(msgspec.structs.replace(answer, result=named(path.absolute().as_uri())), path)


def _output_of(arguments: Arguments, *, ending: str) -> OutputFolder | None:
    if arguments.output is None:
        return None
    return OutputFolder(arguments.output, ending=ending, overwrite=arguments.force)
