"""The answers of documents that are read in a format of their own, as REST has them.

Corners are (x, y) in pixels of the upright picture, clockwise from where reading starts.
"""

from typing import TypeAlias

from msgspec import Struct

from imagemesh.client.answers import Confidence

Corners: TypeAlias = tuple[tuple[float, float], ...]


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
    words: tuple[ReadWord, ...]


class ReadBlock(Struct, frozen=True):
    """Lines that belong together, such as a column or a paragraph."""

    corners: Corners
    lines: tuple[ReadLine, ...]


class ReadPage(Struct, frozen=True):
    """One page; `dots_per_inch` is 0 where it is not known."""

    number: int
    width: int
    height: int
    dots_per_inch: int
    lang: str
    confidence: Confidence
    rotation_degrees: int
    skew_degrees: float
    route: str
    text: str
    blocks: tuple[ReadBlock, ...]


class ReadPages(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The pages that were read, of the `page_count` that the document has."""

    url: str | None = None
    page_count: int
    pages: tuple[ReadPage, ...]


class HostedPdf(Struct, frozen=True):
    """Where the PDF is; a `data:` URI where the server hosts none."""

    pdf: str
