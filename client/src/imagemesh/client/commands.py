"""The commands of a caller: `imagemesh ocr scan.png` and the others of the entry points."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from imagemesh.client import printing
from imagemesh.client.answers import Answer, Colorized
from imagemesh.client.arguments import (
    add_min_confidence,
    add_output,
    add_selection,
    input_parser,
    server_parser,
)
from imagemesh.client.client import Client
from imagemesh.client.document_answers import HostedPdf
from imagemesh.client.images import is_data_uri
from imagemesh.client.inputs import (
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    TEXT_SUFFIXES,
    Input,
    read_text,
)
from imagemesh.client.outcomes import Found, NothingHosted
from imagemesh.client.requests import (
    OcrRequest,
    PagesRequest,
    PdfRequest,
    ReadRequest,
    WrittenRequest,
)
from imagemesh.client.running import AskOne, look_up, work_through
from imagemesh.client.saving import OutputFolder

# What the formats of `ocr` ask for.
_READ_REQUESTS: Final[dict[str, Callable[..., ReadRequest[Any]]]] = {  # Any: of each its own
    "text": OcrRequest,
    "json": PagesRequest,
    "hocr": partial(WrittenRequest, format="hocr"),
    "alto": partial(WrittenRequest, format="alto"),
    "tsv": partial(WrittenRequest, format="tsv"),
    "pdf": PdfRequest,
}


def colorize(argv: Sequence[str]) -> int:
    """Colour black-and-white photos and return the exit code."""
    parser = input_parser("colorize", "Colour black-and-white photos.")
    add_output(parser, of="NAME-colorized.jpg (or .png)")
    arguments = parser.parse_args(argv)
    ask = partial(_colorize, _output_of(arguments, ending="-colorized"))
    return _look_at(arguments, ask, show=printing.show_colorized)


def ocr(argv: Sequence[str]) -> int:
    """Read the text of pictures and documents and return the exit code."""
    parser = input_parser("ocr", "Read the text of pictures, PDF and TIFF files.")
    parser.add_argument(
        "--format", choices=tuple(_READ_REQUESTS), default="text", help="what to make of it (text)"
    )
    parser.add_argument("--pages", metavar="RANGE", help='those to read, such as "1-3,7" or "5-"')
    add_output(parser, of="NAME-ocr.pdf of --format pdf")
    parser.add_argument(
        "--lang", default="eng", help="language code, as `imagemesh languages` lists them (eng)"
    )
    add_min_confidence(parser, of="lines that are less sure are left out, but for those of text")
    arguments = parser.parse_args(argv)
    if arguments.output is not None and arguments.format != "pdf":
        parser.error("--output needs --format pdf; the others are printed")
    ask = partial(_ocr, _output_of(arguments, ending="-ocr"))
    return work_through(arguments, ask, show=printing.show_read, suffixes=DOCUMENT_SUFFIXES)


def analyze(argv: Sequence[str]) -> int:
    """Summarize, tag and judge English text, and return the exit code."""
    parser = input_parser("analyze", "Summarize, tag and judge the English text of pictures.")
    parser.add_argument(
        "--text", action="store_true", help="the inputs are text files (UTF-8), not pictures"
    )
    arguments = parser.parse_args(argv)
    ask, suffixes = (_analyze, IMAGE_SUFFIXES)
    if arguments.text:
        ask, suffixes = (_analyze_text, TEXT_SUFFIXES)
    return work_through(arguments, ask, show=printing.show_analysis, suffixes=suffixes)


def emotions(argv: Sequence[str]) -> int:
    """Read the visible expressions of faces and return the exit code."""
    parser = input_parser("emotions", "Read the visible expressions of the faces in photos.")
    add_selection(parser, limit=7, of="emotions for each face, 1 to 7")
    return _look_at(parser.parse_args(argv), _emotions, show=printing.show_faces)


def classify(argv: Sequence[str]) -> int:
    """Name what photos show and return the exit code."""
    parser = input_parser("classify", "Name what photos show.")
    add_selection(parser, limit=5, of="labels at most, 1 to 100")
    return _look_at(parser.parse_args(argv), _classify, show=printing.show_labels)


def nudity(argv: Sequence[str]) -> int:
    """Say whether photos hold nudity and return the exit code."""
    parser = input_parser("nudity", "Say whether photos hold nudity.")
    return _look_at(parser.parse_args(argv), _nudity, show=printing.show_nudity)


def languages(argv: Sequence[str]) -> int:
    """Print the languages that the server reads and return the exit code."""
    parser = server_parser("languages", "Print the languages that the server reads.")
    return look_up(parser.parse_args(argv), Client.languages, show=printing.show_languages)


def usage(argv: Sequence[str]) -> int:
    """Print what the key's account has and did, and return the exit code."""
    parser = server_parser("usage", "Print what the key's account has and did.")
    return look_up(parser.parse_args(argv), Client.usage, show=printing.show_usage)


def _look_at(arguments: argparse.Namespace, ask: AskOne, *, show: printing.Show) -> int:
    return work_through(arguments, ask, show=show, suffixes=IMAGE_SUFFIXES)


async def _colorize(
    output: OutputFolder | None, client: Client, given: Input, arguments: argparse.Namespace
) -> Found:
    if output is not None:
        output.claim(given.place)
    answer = await client.colorize(given.source, details=arguments.details)
    if output is None:
        _check_is_hosted(answer.result.colorized, arguments)
        return Found(answer)
    path = await _save(output, client, answer, given)
    if not is_data_uri(answer.result.colorized):
        return Found(answer, path)
    # The picture itself, in base64, would drown everything else.
    return Found(Answer(Colorized(path.absolute().as_uri()), answer.details), path)


async def _ocr(
    output: OutputFolder | None, client: Client, given: Input, arguments: argparse.Namespace
) -> Found:
    if output is not None:
        output.claim(given.place)
    request = _READ_REQUESTS[arguments.format](
        lang=arguments.lang,
        min_confidence=arguments.min_confidence,
        pages=arguments.pages,
        details=arguments.details,
    )
    answer = await client.ask(request, given.source)
    if not isinstance(answer.result, HostedPdf):
        return Found(answer)
    if output is None:
        _check_is_hosted(answer.result.pdf, arguments)
        return Found(answer)
    path = await _save(output, client, answer, given)
    if not is_data_uri(answer.result.pdf):
        return Found(answer, path)
    return Found(Answer(HostedPdf(path.absolute().as_uri()), answer.details), path)


def _output_of(arguments: argparse.Namespace, *, ending: str) -> OutputFolder | None:
    if arguments.output is None:
        return None
    return OutputFolder(arguments.output, ending=ending, overwrite=arguments.force)


def _check_is_hosted(url: str, arguments: argparse.Namespace) -> None:
    if is_data_uri(url) and not arguments.json:
        raise NothingHosted("the server hosts no results; name a folder with --output")


async def _save(
    output: OutputFolder,
    client: Client,
    answer: Answer[Colorized] | Answer[HostedPdf],
    given: Input,
) -> Path:
    result = await client.download(answer)
    return await asyncio.to_thread(output.save, result, given.place)


async def _analyze(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    return Found(await client.analyzed_ocr(given.source, details=arguments.details))


async def _analyze_text(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    text = await asyncio.to_thread(read_text, given.source)
    return Found(await client.analyzed_text(text, details=arguments.details))


async def _emotions(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    return Found(await client.emotions(given.source, **_selection(arguments)))


async def _classify(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    return Found(await client.classify(given.source, **_selection(arguments)))


async def _nudity(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    return Found(await client.nudity(given.source, details=arguments.details))


def _selection(arguments: argparse.Namespace) -> dict[str, Any]:  # Any: numbers and a boolean
    return {
        "limit": arguments.limit,
        "min_confidence": arguments.min_confidence,
        "details": arguments.details,
    }
