"""Input and output of the format writers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ocr.preparation import Corners
from ocr.reading import Page


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """Page of a document for a format writer.

    Attributes:
        page: what was read, in pixels of the upright image.
        number: in the document, counted from 1.
        width_px: of the upright image.
        height_px: of the upright image.
        dots_per_inch: along a row of the upright image; 0 when it is not known.
        jpeg: the upright image, which only a PDF needs; not turned by `page.rotation_degrees`.
        vertical_dots_per_inch: `dots_per_inch` down the image; 0 where it is the same.
        corners: of a page of a PDF, where the upper left, the upper right and the lower left corner
            of the image lie in the coordinates of that page; else empty.
        own_words: places of the words that this page has already, in pixels of the image.
        seconds: from its turn to its answer.
    """

    page: Page
    number: int
    width_px: int
    height_px: int
    dots_per_inch: int = 0
    jpeg: bytes = b""
    vertical_dots_per_inch: int = 0
    corners: Sequence[tuple[float, float]] = ()
    own_words: Sequence[Corners] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """A document in one format: UTF-8 text, or a PDF."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Writer of a format.

    Attributes:
        write: returns the document of some pages.
        media_type: of the document.
    """

    write: Callable[[Sequence[PrintedPage]], bytes]
    media_type: str
