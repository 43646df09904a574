"""The commands of a caller: `imagemesh ocr scan.png` and the others of the entry points."""

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from imagemesh.client import printing
from imagemesh.client.answers import Answer, Colorized
from imagemesh.client.arguments import (
    add_min_confidence,
    add_selection,
    input_parser,
    server_parser,
)
from imagemesh.client.client import Client
from imagemesh.client.images import is_data_uri
from imagemesh.client.inputs import IMAGE_SUFFIXES, TEXT_SUFFIXES, Input, read_text
from imagemesh.client.outcomes import Found, NothingHosted
from imagemesh.client.running import AskOne, look_up, work_through
from imagemesh.client.saving import OutputFolder


def colorize(argv: Sequence[str]) -> int:
    """Colour black-and-white photos and return the exit code."""
    parser = input_parser("colorize", "Colour black-and-white photos.")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write NAME-colorized.jpg (or .png) there"
    )
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    arguments = parser.parse_args(argv)
    output = None
    if arguments.output is not None:
        output = OutputFolder(arguments.output, overwrite=arguments.force)
    return _look_at(arguments, partial(_colorize, output), show=printing.show_colorized)


def ocr(argv: Sequence[str]) -> int:
    """Read the text of pictures and return the exit code."""
    parser = input_parser("ocr", "Read the text of pictures.")
    parser.add_argument(
        "--lang", default="eng", help="language code, as `imagemesh languages` lists them (eng)"
    )
    add_min_confidence(parser, of="lines of the details that are less sure are left out")
    return _look_at(parser.parse_args(argv), _ocr, show=printing.show_text)


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
    is_hosted = not is_data_uri(answer.result.colorized)
    if output is None:
        if not is_hosted and not arguments.json:
            raise NothingHosted("the server hosts no pictures; name a folder with --output")
        return Found(answer)
    picture = await client.download(answer)
    path = await asyncio.to_thread(output.save, picture, given.place)
    if is_hosted:
        return Found(answer, path)
    # The picture itself, in base64, would drown everything else.
    return Found(Answer(Colorized(path.absolute().as_uri()), answer.details), path)


async def _ocr(client: Client, given: Input, arguments: argparse.Namespace) -> Found:
    answer = await client.ocr(
        given.source,
        lang=arguments.lang,
        min_confidence=arguments.min_confidence,
        details=arguments.details,
    )
    return Found(answer)


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
