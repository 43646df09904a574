"""POST /api/v1/ocr: read the text of an image or a document, in one of the formats of `Format`.

Corners of pages are in pixels of the page as it was drawn, before it was turned to be read.
"""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, DocumentRequest, Endpoint, PageView
from contract.fields import Confidence, Corners, TextEnum

LineLanguage = Annotated[
    str, Meta(description="Code of the language that the line was read in, one of `lang`.")
]


class TextLine(Struct, frozen=True):
    """A line of text."""

    text: str
    confidence: Confidence
    corners: Corners
    lang: LineLanguage


class ReadDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of what was read; several pages have only `page_count` and `warnings`."""

    width: int | None = None
    height: int | None = None
    lang: str | None = None
    confidence: Confidence | None = None
    rotation_degrees: int | None = None
    lines: list[TextLine] | None = None
    route: Annotated[str, Meta(description="How the page was read.")] | None = None
    page_count: (
        Annotated[int, Meta(ge=1, description="Pages of the document, read or not.")] | None
    ) = None


class Text(Struct, frozen=True, kw_only=True):
    """The text that was read."""

    url: str | UnsetType = UNSET
    text: str


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
    lang: LineLanguage


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
    """Address of the PDF; a `data:` URI where the gateway hosts none."""

    pdf: Annotated[str, Meta(description="URL of the PDF, good for 30 days.")]


class OcrAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr."""

    result: Text
    details: ReadDetails | None = None


class PagesAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with `format` json."""

    result: ReadPages
    details: ReadDetails | None = None


class WrittenAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with a `format` that is a text: the document itself."""

    result: str
    details: ReadDetails | None = None


class PdfAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr with `format` pdf."""

    result: HostedPdf
    details: ReadDetails | None = None


class Format(TextEnum):
    """Table of the output formats: name, Struct of the answer, words for the documentation.

    The ocr service writes those whose answer is a `WrittenAnswer` or a `PdfAnswer`; the proto has
    them as FORMAT_ and the name in capitals.
    """

    answer: type[Struct]
    words: str

    def __new__(  # noqa: PYI034 - Python 3.10 has no Self
        cls, name: str, answer: type[Struct], words: str
    ) -> "Format":
        """Return the member of that name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.answer = answer
        member.words = words
        return member

    TEXT = "text", OcrAnswer, "plain, with a form feed between two pages"
    JSON = "json", PagesAnswer, "JSON of pages, blocks, lines and words"
    HOCR = "hocr", WrittenAnswer, "hOCR 1.2"
    ALTO = "alto", WrittenAnswer, "ALTO 4.4"
    TSV = "tsv", WrittenAnswer, "the table of Tesseract"
    MARKDOWN = "markdown", WrittenAnswer, "Markdown with headings, lists and tables"
    PDF = (
        "pdf",
        PdfAnswer,
        "the PDF that came, or one of the images, in which the text can be found and copied",
    )


Pages = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="The pages of a PDF or TIFF to read, counted from 1; all when left out.",
        examples=["1-3,7", "5-"],
    ),
]


class TextLayer(TextEnum):
    """Use of the text that a page of a PDF brings along."""

    USE = "use"
    IGNORE = "ignore"


# Any: the answer is that of the format.
class OcrRequest(DocumentRequest[Any], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The image or document to read."""

    lang: Annotated[
        str,
        Meta(
            max_length=60,
            description="Language code or BCP 47 tag, as GET /api/v1/languages lists them; up to "
            'four of them with "+" between two; or "auto", which finds the language.',
        ),
    ] = "eng"
    min_confidence: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Lines that are less sure are left out of `details` and of every `format` "
            "but text, which stays whole.",
        ),
    ] = 0.0
    format: Annotated[
        Format,
        Meta(
            description="How the text is written down: "
            + "; ".join(f"{each.value}: {each.words}" for each in Format)
            + "."
        ),
    ] = Format.TEXT
    pages: Pages | UnsetType = UNSET
    text_layer: Annotated[
        TextLayer,
        Meta(
            description="Text that a page of a PDF brings along. use: taken instead of reading the "
            "page where it covers all that looks like text; a page that it does not cover is read, "
            "and so are all with `lang` auto. ignore: every page is drawn and read."
        ),
    ] = TextLayer.USE


ENDPOINT: Final = Endpoint(
    name="ocr",
    position=2,
    summary="Read the text of an image or a document.",
    description="It takes PDF as well, and every page of a TIFF; a page of a PDF whose text covers "
    "it is not read anew, see `text_layer`. `format` json answers with the pages, their blocks, "
    "lines and words; pdf with the URL of a PDF; every other one with the document as one string.",
    request=OcrRequest,
    answers=tuple(dict.fromkeys(each.answer for each in Format)),
    example={"lang": "eng"},
    page=PageView(
        label="Read text",
        answer="text",
        sample="receipt.jpg",
        fields=("lang", "pages", "format"),
    ),
)
