"""The commands of a caller: `imagemesh ocr scan.png` and the others of the entry points."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from commandkit.cli import USAGE, complain
from contract.endpoint import EndpointRequest
from contract.endpoints.analyzed_ocr import AnalyzedOcrRequest
from contract.endpoints.analyzed_text import AnalyzedTextRequest, SummaryKind
from contract.endpoints.classify import ClassifyRequest
from contract.endpoints.colorize import ColorizeAnswer, Colorized, ColorizeRequest
from contract.endpoints.emotions import EmotionsRequest
from contract.endpoints.nudity import Frame, NudityRequest
from contract.endpoints.ocr import Format, HostedPdf, OcrRequest, PdfAnswer, TextLayer
from contract.table import ENDPOINTS
from imagemesh.client import printing
from imagemesh.client.client import AsyncClient
from imagemesh.client.images import is_data_uri
from imagemesh.client.inputs import (
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    TEXT_SUFFIXES,
    Input,
    read_text,
)
from imagemesh.client.options import (
    OUTPUT,
    SERVER,
    WORK,
    Inputs,
    MinConfidence,
    Output,
    Pages,
    Server,
    Work,
)
from imagemesh.client.outcomes import Found, NothingHosted
from imagemesh.client.running import look_up, work_in_bulk, work_through
from imagemesh.client.saving import OutputFolder

Request = EndpointRequest[Any]  # Any: of each endpoint its own answer

_OF_IMAGES = [endpoint.name for endpoint in ENDPOINTS if endpoint.takes_image]


def colorize(inputs: Inputs, /, *, output: Output = OUTPUT, work: Work = WORK) -> int:
    """Color black-and-white photos."""
    folder = _folder(output, ending="-colorized")
    ask = partial(_ask_for_file, ColorizeRequest(details=work.details), folder, work)
    return work_through(inputs, work, ask, show=printing.show_colorized, suffixes=IMAGE_SUFFIXES)


def ocr(
    inputs: Inputs,
    /,
    *,
    lang: str = "eng",
    format: Format = Format.TEXT,  # noqa: A002 - the name of the option
    pages: Pages = "",
    text_layer: TextLayer = TextLayer.USE,
    min_confidence: MinConfidence = 0.0,
    output: Output = OUTPUT,
    work: Work = WORK,
) -> int:
    """Read the text of images, PDF and TIFF files.

    Args:
        lang: Language code, as `imagemesh languages` lists them.
        format: Form of the text; a PDF is written to the folder of --output.
        text_layer: Use or ignore the text that a PDF holds.
    """
    if output.output is not None and format != Format.PDF:
        complain("--output needs --format pdf; the others are printed")
        return USAGE
    request = OcrRequest(
        lang=lang,
        min_confidence=min_confidence,
        format=format,
        pages=pages or msgspec.UNSET,
        text_layer=text_layer,
        details=work.details,
    )
    ask = partial(_ask_for_file, request, _folder(output, ending="-ocr"), work)
    return work_through(inputs, work, ask, show=printing.show_read, suffixes=DOCUMENT_SUFFIXES)


def analyze(
    inputs: Inputs,
    /,
    *,
    text: bool = False,
    pages: Pages = "",
    summary: SummaryKind = SummaryKind.EXTRACTIVE,
    work: Work = WORK,
) -> int:
    """Summarize, tag and judge English text.

    Args:
        text: The inputs are text files (UTF-8), not images.
        summary: Sentences of the text, or new ones that a model of the profile full writes.
    """
    request = AnalyzedOcrRequest(
        pages=pages or msgspec.UNSET, summary=summary, details=work.details
    )
    ask = partial(_ask_of_text, summary, work) if text else partial(_ask, request)
    suffixes = TEXT_SUFFIXES if text else DOCUMENT_SUFFIXES
    return work_through(inputs, work, ask, show=printing.show_analysis, suffixes=suffixes)


def emotions(
    inputs: Inputs, /, *, limit: int = 7, min_confidence: MinConfidence = 0.0, work: Work = WORK
) -> int:
    """Read the visible expressions of the faces in photos.

    Args:
        limit: Emotions of each face, 1 to 7.
    """
    request = EmotionsRequest(limit=limit, min_confidence=min_confidence, details=work.details)
    return _ask_of_images(inputs, work, request, printing.show_faces)


def classify(
    inputs: Inputs, /, *, limit: int = 5, min_confidence: MinConfidence = 0.0, work: Work = WORK
) -> int:
    """Name what photos show.

    Args:
        limit: Most labels, 1 to 100.
    """
    request = ClassifyRequest(limit=limit, min_confidence=min_confidence, details=work.details)
    return _ask_of_images(inputs, work, request, printing.show_labels)


def nudity(inputs: Inputs, /, *, frame: Frame = Frame.FIRST, work: Work = WORK) -> int:
    """Say whether photos hold nudity.

    Args:
        frame: Frames of an animation that are looked at.
    """
    request = NudityRequest(frame=frame, details=work.details)
    return _ask_of_images(inputs, work, request, printing.show_nudity)


def bulk(
    endpoint: str,
    images: str,
    /,
    *,
    output: Path | None = None,
    dry_run: bool = False,
    parameters: Annotated[list[str] | None, Parameter(name="--set")] = None,
    server: Annotated[Server, Parameter(name="*", group="Server")] = SERVER,
) -> int:
    """Ask about a folder or bucket; run again, it resumes.

    Args:
        endpoint: Endpoint of images, such as classify.
        images: Folder, .zip, .jsonl manifest, or s3:// URL that the gateway reads.
        output: File that JSON Lines are written to.
        dry_run: Count the items and tell their price.
        parameters: NAME=VALUE of the endpoint, such as limit=3; may be repeated.
    """
    if endpoint not in _OF_IMAGES:
        complain(f"{endpoint!r} is no endpoint of images; there are {', '.join(_OF_IMAGES)}")
        return USAGE
    if (output is None) != dry_run:
        complain("name a file with --output, or give --dry-run")
        return USAGE
    return work_in_bulk(endpoint, images, parameters or [], output=output, server=server)


def languages(*, server: Server = SERVER) -> int:
    """Print the languages that the server reads."""
    return look_up(server, AsyncClient.languages, show=printing.show_languages)


def usage(*, server: Server = SERVER) -> int:
    """Print the balance and usage of the account."""
    return look_up(server, AsyncClient.usage, show=printing.show_usage)


def _ask_of_images(inputs: list[str], work: Work, request: Request, show: printing.Show) -> int:
    return work_through(inputs, work, partial(_ask, request), show=show, suffixes=IMAGE_SUFFIXES)


async def _ask(request: Request, client: AsyncClient, given: Input) -> Found:
    return Found(await client.ask(request, given.source))


async def _ask_of_text(
    summary: SummaryKind, work: Work, client: AsyncClient, given: Input
) -> Found:
    text = await asyncio.to_thread(read_text, given.source)
    request = AnalyzedTextRequest(text=text, summary=summary, details=work.details)
    return Found(await client.ask(request))


async def _ask_for_file(
    request: Request, folder: OutputFolder | None, work: Work, client: AsyncClient, given: Input
) -> Found:
    """Ask for an answer that may name a file, which is saved where there is a folder for it."""
    if folder is not None:
        folder.claim(given.place)
    answer = await client.ask(request, given.source)
    if not isinstance(answer, ColorizeAnswer | PdfAnswer):
        return Found(answer)
    url = answer.result.pdf if isinstance(answer, PdfAnswer) else answer.result.colorized
    if folder is None:
        if is_data_uri(url) and not work.server.json:
            raise NothingHosted("the server hosts no results; name a folder with --output")
        return Found(answer)
    file = await client.download(answer)
    path = await asyncio.to_thread(folder.save, file, given.place)
    if not is_data_uri(url):
        return Found(answer, path)
    # The file itself, in base64, would drown everything else.
    named = HostedPdf if isinstance(answer, PdfAnswer) else Colorized
    return Found(msgspec.structs.replace(answer, result=named(path.absolute().as_uri())), path)


def _folder(output: Output, *, ending: str) -> OutputFolder | None:
    if output.output is None:
        return None
    return OutputFolder(output.output, ending=ending, overwrite=output.force)
