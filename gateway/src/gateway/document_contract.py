"""The JSON of documents that are read in a format of their own, as `gateway.contract` has the rest.

Corners are in pixels of the page as it was drawn, before it was turned to be read.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.contract import AnswerDetails, Confidence, Corners


class ReadWord(Struct, frozen=True):
    """A word of a line; a script without spaces has one for each piece that was read as one."""

    text: str
    confidence: Confidence
    corners: Corners


class ReadLine(Struct, frozen=True):
    """A line of a block; `script` is the ISO 15924 code of most of its letters."""

    text: str
    confidence: Confidence
    corners: Corners
    script: str
    words: list[ReadWord]


class ReadBlock(Struct, frozen=True):
    """Lines that belong together, such as a column or a paragraph."""

    corners: Corners
    lines: list[ReadLine]


class ReadPage(Struct, frozen=True):
    """One page; corners are in pixels of the page as it was drawn, before it was turned."""

    number: Annotated[int, Meta(ge=1)]
    width: int
    height: int
    dots_per_inch: Annotated[int, Meta(ge=0, description="0 where it is not known.")]
    lang: str
    confidence: Confidence
    rotation_degrees: Annotated[
        int, Meta(description="How far it was turned clockwise to read it: 0, 90, 180 or 270.")
    ]
    skew_degrees: Annotated[
        float, Meta(description="How far its lines still leaned clockwise after that.")
    ]
    route: str
    text: str
    blocks: list[ReadBlock]


class ReadPages(Struct, frozen=True, kw_only=True):
    """The pages that were read."""

    url: str | UnsetType = UNSET
    page_count: Annotated[int, Meta(ge=1, description="Pages of the document, read or not.")]
    pages: list[ReadPage]


class HostedPdf(Struct, frozen=True):
    """Where the PDF is hosted."""

    pdf: Annotated[str, Meta(description="URL of the PDF, good for 30 days.")]


class PagesAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with `format` json."""

    result: ReadPages
    details: AnswerDetails | None = None


class WrittenAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with `format` hocr, alto or tsv: the document itself."""

    result: str
    details: AnswerDetails | None = None


class PdfAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with `format` pdf."""

    result: HostedPdf
    details: AnswerDetails | None = None
