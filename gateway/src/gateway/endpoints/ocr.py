"""POST /api/v1/ocr: OcrService.Recognize for an image, RecognizeDocument for pages and formats."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET, Struct

from contract.endpoint import AnswerWarning
from contract.endpoints.ocr import (
    ENDPOINT,
    Format,
    HostedPdf,
    OcrAnswer,
    OcrRequest,
    PagesAnswer,
    PdfAnswer,
    ReadBlock,
    ReadDetails,
    ReadLine,
    ReadPage,
    ReadPages,
    ReadWord,
    Text,
    TextLine,
    WrittenAnswer,
)
from gateway.backends import OCR, Backends, CallContext, call, stream
from gateway.endpoint_handler import EndpointHandler, ProducedFile
from gateway.hosting.hosted import DOCUMENTS_PATH
from gateway.messages import model_of
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import page_pb2
from servicekit.documents import may_have_pages

PAGE_BREAK: Final = "\f"  # between the texts of two pages, as pdftotext has it


@dataclass(slots=True)
class _Document:
    """A document as it arrives."""

    # An image is one page of a document without a count.
    pages: list[pb.DocumentPage] = field(default_factory=list)
    # In the format that was asked for, empty where none was.
    content: bytearray = field(default_factory=bytearray)
    media_type: str = ""  # of `content`


async def _ask(
    backends: Backends, request: OcrRequest, image: bytes, context: CallContext
) -> _Document:
    if request.format is Format.TEXT and request.pages is UNSET and not may_have_pages(image):
        recognize = pb.RecognizeRequest(image=image, language=request.lang)
        read = await call(backends.ocr.Recognize, recognize, context)
        return _Document([pb.DocumentPage(number=1, read=read)])
    document = _Document()
    message = _message(request, image)
    async with aclosing(stream(backends.ocr.RecognizeDocument, message, context)) as parts:
        async for part in parts:
            if part.HasField("page"):
                document.pages.append(part.page)
            else:
                document.content += part.document.content
                document.media_type = part.document.media_type
    return document


def _message(request: OcrRequest, document: bytes) -> pb.RecognizeDocumentRequest:
    # The service sends all of text and json in the pages, and writes the other formats.
    is_written = request.format.answer in {WrittenAnswer, PdfAnswer}
    name = f"FORMAT_{request.format.upper()}" if is_written else "FORMAT_UNSPECIFIED"
    return pb.RecognizeDocumentRequest(
        document=document,
        language=request.lang,
        # Plain text stays whole: only its details are without the lines that are less sure.
        min_confidence=0.0 if request.format is Format.TEXT else request.min_confidence,
        pages="" if request.pages is UNSET else request.pages,
        format=page_pb2.Format.Value(name),
        text_layer=pb.TextLayer.Value(f"TEXT_LAYER_{request.text_layer.upper()}"),
    )


def _file(document: _Document) -> ProducedFile | None:
    if document.media_type != "application/pdf":
        return None
    return ProducedFile(bytes(document.content), document.media_type, DOCUMENTS_PATH)


def _answer(request: OcrRequest, document: _Document, url: str) -> Struct:
    pages = document.pages
    if request.format.answer is OcrAnswer:
        whole = PAGE_BREAK.join(page.read.text for page in pages)
        return OcrAnswer(Text(url=request.url, text=whole), _details_of_text(pages, request))
    details = _details(pages)
    if request.format.answer is PagesAnswer:
        found = [_page(page) for page in pages]
        count = pages[0].page_count
        return PagesAnswer(ReadPages(url=request.url, page_count=count, pages=found), details)
    if request.format.answer is PdfAnswer:
        return PdfAnswer(HostedPdf(url), details)
    return WrittenAnswer(document.content.decode(), details)


def _details(pages: Sequence[pb.DocumentPage]) -> ReadDetails:
    """Return what is told of all pages together; the engine is that of the first."""
    return ReadDetails(
        model=model_of(pages[0].read.model),
        seconds=sum(page.read.seconds for page in pages),
        page_count=pages[0].page_count,
        warnings=warnings_of(pages),
    )


def warnings_of(pages: Sequence[pb.DocumentPage]) -> list[AnswerWarning] | None:
    """Return the warnings of all pages, None for none; an image has no page numbers."""
    found = [
        AnswerWarning(warning.code, warning.message, page.number if page.page_count else None)
        for page in pages
        for warning in page.read.warnings
    ]
    return found or None


def _details_of_text(pages: Sequence[pb.DocumentPage], request: OcrRequest) -> ReadDetails:
    """Return the details of a text; those of a single page are complete."""
    if len(pages) > 1:
        return _details(pages)
    read = pages[0].read
    return ReadDetails(
        model=model_of(read.model),
        seconds=read.seconds,
        width=read.size.width,
        height=read.size.height,
        lang=read.language,
        confidence=read.confidence,
        rotation_degrees=read.rotation_degrees,
        lines=[
            TextLine(line.text, line.confidence, _corners(line.corners), line.language)
            for line in read.lines
            if line.confidence >= request.min_confidence
        ],
        route=read.route or None,
        page_count=pages[0].page_count or None,
        warnings=warnings_of(pages),
    )


def _page(page: pb.DocumentPage) -> ReadPage:
    read = page.read
    lines: list[list[ReadLine]] = [[] for _ in read.blocks]
    for line in read.lines:
        lines[line.block].append(_line(line))
    return ReadPage(
        number=page.number,
        width=read.size.width,
        height=read.size.height,
        dots_per_inch=page.dots_per_inch,
        lang=read.language,
        confidence=read.confidence,
        rotation_degrees=read.rotation_degrees,
        skew_degrees=read.skew_degrees,
        route=read.route,
        text=read.text,
        blocks=[
            ReadBlock(_corners(block.corners), within)
            for block, within in zip(read.blocks, lines, strict=True)
        ],
    )


def _line(line: page_pb2.Line) -> ReadLine:
    words = [ReadWord(word.text, word.confidence, _corners(word.corners)) for word in line.words]
    corners = _corners(line.corners)
    return ReadLine(line.text, line.confidence, corners, line.script, words, line.language)


def _corners(points: Iterable[image_pb2.Point]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in points]


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{OCR}/Recognize", f"/{OCR}/RecognizeDocument"),
    tasks=("detect-text", "read-text"),
    ask=_ask,
    answer=_answer,
    file=_file,
)
