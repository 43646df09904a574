"""Pages that were read as the JSON of the REST API; nothing is computed here."""

from collections.abc import Iterable, Sequence

from msgspec import UnsetType
from msgspec.structs import replace

from gateway import contract, document_contract
from gateway.requests import answers
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import page_pb2
from imagemesh.ocr.v1.ocr_service_pb2 import DocumentPage

PAGE_BREAK = "\f"  # between the texts of two pages, as pdftotext has it


def text(
    pages: Sequence[DocumentPage], *, url: str | UnsetType, min_confidence: float
) -> contract.OcrAnswer:
    """Return the answer for the text of a document at `url`.

    That of one page tells in its details what that of a picture does.
    """
    details = _details(pages)
    if len(pages) == 1:
        alone = answers.recognized(pages[0].read, url=url, min_confidence=min_confidence)
        if alone.details is not None:
            details = replace(alone.details, page_count=pages[0].page_count)
    whole = PAGE_BREAK.join(page.read.text for page in pages)
    return contract.OcrAnswer(contract.Text(url=url, text=whole), details)


def pages(found: Sequence[DocumentPage], *, url: str | UnsetType) -> document_contract.PagesAnswer:
    """Return the answer for the pages of a document at `url`."""
    result = document_contract.ReadPages(
        url=url, page_count=found[0].page_count, pages=[_page(page) for page in found]
    )
    return document_contract.PagesAnswer(result, _details(found))


def written(pages: Sequence[DocumentPage], *, text: str) -> document_contract.WrittenAnswer:
    """Return the answer for a document that was written down as `text`."""
    return document_contract.WrittenAnswer(text, _details(pages))


def hosted(pages: Sequence[DocumentPage], *, url: str) -> document_contract.PdfAnswer:
    """Return the answer for a PDF that is hosted at `url`."""
    return document_contract.PdfAnswer(document_contract.HostedPdf(url), _details(pages))


def _details(pages: Sequence[DocumentPage]) -> contract.AnswerDetails:
    """Return what is told of all pages together; the engine is that of the first."""
    return contract.AnswerDetails(
        model=answers.model_of(pages[0].read.model),
        seconds=sum(page.read.seconds for page in pages),
        page_count=pages[0].page_count,
    )


def _page(page: DocumentPage) -> document_contract.ReadPage:
    read = page.read
    lines: list[list[page_pb2.Line]] = [[] for _ in read.blocks]
    for line in read.lines:
        lines[line.block].append(line)
    return document_contract.ReadPage(
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
        blocks=[_block(block, within) for block, within in zip(read.blocks, lines, strict=True)],
    )


def _block(block: page_pb2.Block, lines: Iterable[page_pb2.Line]) -> document_contract.ReadBlock:
    return document_contract.ReadBlock(_corners(block.corners), [_line(line) for line in lines])


def _line(line: page_pb2.Line) -> document_contract.ReadLine:
    words = [
        document_contract.ReadWord(word.text, word.confidence, _corners(word.corners))
        for word in line.words
    ]
    return document_contract.ReadLine(
        line.text, line.confidence, _corners(line.corners), line.script, words
    )


def _corners(points: Iterable[image_pb2.Point]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in points]
