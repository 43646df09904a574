"""Documents that come page by page over gRPC, as the answers that REST gives."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from imagemesh.client import decoding, requests
from imagemesh.client.answers import Answer, Details, Text
from imagemesh.client.document_answers import (
    Corners,
    HostedPdf,
    ReadBlock,
    ReadLine,
    ReadPage,
    ReadPages,
    ReadWord,
)
from imagemesh.client.images import Picture, data_uri
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import page_pb2
from imagemesh.ocr.v1.ocr_service_pb2 import (
    DocumentPage,
    RecognizeDocumentRequest,
    RecognizeDocumentResponse,
)

Request: TypeAlias = requests.ReadRequest[Any]  # Any: of each its own

PAGE_BREAK: Final = "\f"

# What a service is asked for; of text and json it sends all in the pages.
_FORMATS: Final = {
    "hocr": page_pb2.FORMAT_HOCR,
    "alto": page_pb2.FORMAT_ALTO,
    "tsv": page_pb2.FORMAT_TSV,
    "pdf": page_pb2.FORMAT_PDF,
}


def question(request: Request, document: bytes) -> RecognizeDocumentRequest:
    """Return what a service is asked."""
    is_text = isinstance(request, requests.OcrRequest)
    return RecognizeDocumentRequest(
        document=document,
        language=request.lang,
        # Plain text stays whole: only its details are without the lines that are less sure.
        min_confidence=0.0 if is_text else request.min_confidence,
        pages=request.pages or "",
        format=_FORMATS.get(getattr(request, "format", ""), page_pb2.FORMAT_UNSPECIFIED),
    )


def answer(request: Request, parts: Sequence[RecognizeDocumentResponse]) -> Answer[Any]:
    """Return the answer to `request` that the parts of a document make; Any: as above."""
    pages = [part.page for part in parts if part.HasField("page")]
    content = b"".join(part.document.content for part in parts)
    details = Details(
        model=decoding.model_of(pages[0].read.model),
        seconds=sum(page.read.seconds for page in pages),
        page_count=pages[0].page_count,
    )
    if isinstance(request, requests.PdfRequest):
        return Answer(HostedPdf(data_uri(Picture(content, "application/pdf"))), details)
    if isinstance(request, requests.WrittenRequest):
        return Answer(content.decode(), details)
    if isinstance(request, requests.PagesRequest):
        found = tuple(_page(page) for page in pages)
        return Answer(ReadPages(page_count=pages[0].page_count, pages=found), details)
    if len(pages) == 1:
        alone = decoding.recognized(pages[0].read, min_confidence=request.min_confidence)
        if alone.details is not None:
            details = replace(alone.details, page_count=pages[0].page_count)
    return Answer(Text(text=PAGE_BREAK.join(page.read.text for page in pages)), details)


def _page(page: DocumentPage) -> ReadPage:
    read = page.read
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
        blocks=tuple(
            ReadBlock(
                _corners(block.corners),
                tuple(_line(line) for line in read.lines if line.block == number),
            )
            for number, block in enumerate(read.blocks)
        ),
    )


def _line(line: page_pb2.Line) -> ReadLine:
    words = tuple(
        ReadWord(word.text, word.confidence, _corners(word.corners)) for word in line.words
    )
    return ReadLine(line.text, line.confidence, _corners(line.corners), line.script, words)


def _corners(points: Iterable[image_pb2.Point]) -> Corners:
    return tuple((point.x, point.y) for point in points)
