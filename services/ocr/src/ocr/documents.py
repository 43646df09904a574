"""Documents on their way to the reader: a PDF, a TIFF of several pages, or an image.

Pages are opened one by one and forgotten once they are read: a document is never in memory as
pixels.
"""

import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from PIL import Image

from modelkit import formats
from modelkit.decoding import Decoder
from modelkit.doubts import ImageWarning
from modelkit.images import DecodedImage, RgbImage
from modelkit.srgb import orientation_of
from ocr import tiff
from ocr.drawing import DrawingLimits
from ocr.engines import PageWord
from ocr.pdf import PdfDrawer
from ocr.preparation import MAX_SIDE_PX, FittedImage, box_corners, fit
from ocr.text_layer import LayerLine
from servicekit.documents import is_pdf, is_tiff
from servicekit.errors import UnreadableImage
from servicekit.limits import MAX_IMAGE_BYTES

# Drawn at 150, 200, 250 and 300, text of 6 pt has 2.5, 2.1, 0.8 and 0.8 % errors read by Tesseract,
# and none read by PP-OCR. An A4 page of 250 fits within MAX_SIDE_PX.
DOTS_PER_INCH = 250
Result = TypeVar("Result")

_JPEG_QUALITY = 80  # of the pages of a PDF that is written
_TELL_DOTS_PER_INCH = frozenset({"image/jpeg", "image/png", "image/tiff", "image/bmp"})
_QUARTER_TURNS = range(5, 9)  # EXIF orientations that turn an image by 90 degrees
_MOST_STRETCH = 4.0  # of the pixels of a fax; 204 x 98 are the most unequal of the usual ones
_LIKELY_DOTS_PER_INCH = range(50, 2401)  # what else an image says of itself is a slip


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page that is ready to be read.

    Attributes:
        fitted: its pixels, made fit for the engines.
        dots_per_inch: along a row of the page before it was fitted; 0 when it is not known.
        vertical_dots_per_inch: the same down the page; a fax has half as many.
        warnings: what is missing of it.
        layer: the lines of text that a page of a PDF brings along.
        jpeg: the page as large as the engines read it, empty where nobody asked for it.
        corners: of a page of a PDF; see `Drawn`.
    """

    fitted: FittedImage
    dots_per_inch: int
    vertical_dots_per_inch: int
    jpeg: bytes
    warnings: tuple[ImageWarning, ...] = ()
    layer: Sequence[LayerLine] = ()
    corners: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A file with pages.

    Attributes:
        page_count: Number of pages, at least 1.
        opened: Opens the page of a number, counted from 1, `with_jpeg` or without, and holds room
            for its pixels meanwhile; raises UnreadableImage where it cannot be read.
        pdf: The file where it is a PDF, else empty.
        is_signed: Whether the file has a digital signature.
    """

    page_count: int
    opened: Callable[..., AbstractAsyncContextManager[OpenedPage]]
    pdf: bytes = b""
    is_signed: bool = False


class Documents:
    """Opens documents.

    Args:
        decoder: reads images, in threads of its own.
        max_pixels: of a page of a PDF as it is drawn; the decoder knows its own limit.
        drawings: pages of PDFs that are drawn at once.
    """

    def __init__(self, decoder: Decoder, *, max_pixels: int, drawings: int) -> None:
        self._decoder = decoder
        # A page that were drawn larger would be made smaller again before it is read.
        limits = DrawingLimits(DOTS_PER_INCH, MAX_SIDE_PX, max_pixels)
        self._drawer = PdfDrawer(limits, at_once=drawings)

    async def open(self, content: bytes) -> Document:
        """Return the document in a file; what is no PDF and no TIFF is taken for an image.

        Raises:
            UnreadableImage: it is damaged, has no page, asks for a password, or is too large.
        """
        if len(content) > MAX_IMAGE_BYTES:
            raise UnreadableImage(
                f"the document is {len(content)} bytes; the limit is {MAX_IMAGE_BYTES}"
            )
        if is_pdf(content):
            found = await self._drawer.inspect(content)
            opened = partial(self._open_pdf_page, content)
            return Document(found.page_count, opened, content, found.is_signed)
        if is_tiff(content):
            offsets = await self._decoder.run(tiff.find_pages, content)
            return Document(len(offsets), partial(self._open_tiff_page, content, offsets))
        return self.image(content)

    async def run(self, function: Callable[[], Result]) -> Result:
        """Run a function beside the event loop, where images are decoded."""
        return await self._decoder.run(function)

    def image(self, content: bytes) -> Document:
        """Return the one page of an image; of a TIFF file the first."""
        return Document(1, partial(self._open_image, content))

    @asynccontextmanager
    async def _open_image(
        self, content: bytes, _: int, *, with_jpeg: bool
    ) -> AsyncIterator[OpenedPage]:
        prepare = partial(_prepare_decoded, content=content, with_jpeg=with_jpeg)
        async with self._decoder.opened(content, prepare, in_contrast=True) as page:
            yield page

    @asynccontextmanager
    async def _open_tiff_page(
        self, content: bytes, offsets: Sequence[int], number: int, *, with_jpeg: bool
    ) -> AsyncIterator[OpenedPage]:
        alone = await self._decoder.run(tiff.page_of, content, offsets[number - 1])
        async with self._open_image(alone, 1, with_jpeg=with_jpeg) as page:
            yield page

    @asynccontextmanager
    async def _open_pdf_page(
        self, content: bytes, number: int, *, with_jpeg: bool
    ) -> AsyncIterator[OpenedPage]:
        pixels, drawn = await self._drawer.draw(content, number)
        prepare = partial(_prepare, resolution=(drawn.dots_per_inch,) * 2, with_jpeg=with_jpeg)
        page = await self._decoder.run(prepare, pixels)
        lines = [
            tuple(PageWord(text, 1.0, box_corners(*box)) for text, *box in line)
            for line in drawn.lines
        ]
        yield replace(page, layer=lines, corners=drawn.corners)


def _prepare_decoded(decoded: DecodedImage, *, content: bytes, with_jpeg: bool) -> OpenedPage:
    tells = decoded.media_type in _TELL_DOTS_PER_INCH
    resolution = _find_resolution(content) if tells else (0, 0)
    page = _prepare(decoded.pixels, resolution=resolution, with_jpeg=with_jpeg)
    return replace(page, warnings=decoded.warnings)


def _prepare(pixels: RgbImage, *, resolution: tuple[int, int], with_jpeg: bool) -> OpenedPage:
    along, down = resolution
    stretch = along / down if down else 1.0
    fitted = fit(pixels, stretch)
    return OpenedPage(fitted, *resolution, _jpeg(pixels, fitted.scale) if with_jpeg else b"")


def _find_resolution(content: bytes) -> tuple[int, int]:
    """Return the dots per inch along and down an upright image; zeros where it tells none."""
    try:
        with formats.recognize(content).open(io.BytesIO(content)) as image:
            along, down = (round(float(number)) for number in image.info.get("dpi", (0, 0)))
            is_turned = orientation_of(image) in _QUARTER_TURNS
    # The edge of the codecs: metadata can be damaged in any way, and is not needed.
    except Exception:  # noqa: BLE001
        return 0, 0
    if along not in _LIKELY_DOTS_PER_INCH:
        return 0, 0
    if down not in _LIKELY_DOTS_PER_INCH or not 1 / _MOST_STRETCH <= along / down <= _MOST_STRETCH:
        down = along
    return (down, along) if is_turned else (along, down)


def _jpeg(pixels: RgbImage, scale: float) -> bytes:
    """Return an image no larger than the engines read it."""
    image = Image.fromarray(pixels)
    if scale < 1:
        image.thumbnail((scale * image.width, scale * image.height))
    output = io.BytesIO()
    image.save(output, "JPEG", quality=_JPEG_QUALITY)
    return output.getvalue()
