"""Documents opened page by page, and hostile documents."""

import asyncio
import io
import random
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from PIL import Image

from modelkit.decoding import Decoder
from modelkit.images import ImageLimits
from ocr.documents import Document, Documents, OpenedPage
from ocr.drawing import DrawingLimits
from ocr.pdf import PdfDrawer
from ocr.preparation import MAX_SIDE_PX
from servicekit.errors import UnreadableImage
from servicekit.limits import MAX_IMAGE_BYTES
from tests.ocr.papers import (
    animals,
    endless_tiff,
    locked_pdf,
    pdf_file,
    pdf_with_image,
    slow_pdf,
    typed_pdf,
)
from tests.sample_images import bomb_images

MAX_PIXELS = 25_000_000
LIMITS = DrawingLimits(dots_per_inch=250, max_side_px=MAX_SIDE_PX, max_pixels=MAX_PIXELS)


@pytest.fixture(scope="module")
async def documents() -> AsyncIterator[Documents]:
    decoder = Decoder(ImageLimits(max_pixels=MAX_PIXELS), threads=2)
    yield Documents(decoder, max_pixels=MAX_PIXELS, drawings=2)
    decoder.close()


async def opened(document: Document, number: int, *, with_jpeg: bool = False) -> OpenedPage:
    async with document.opened(number, with_jpeg=with_jpeg) as page:
        return page


async def first_page(documents: Documents, content: bytes) -> OpenedPage:
    return await opened(await documents.open(content), 1)


def tiff_of(*colors: str, **options: object) -> bytes:
    pages = [Image.new("RGB", (40, 50), color) for color in colors]
    output = io.BytesIO()
    pages[0].save(output, "TIFF", save_all=True, append_images=pages[1:], **options)
    return output.getvalue()


async def test_pages_of_a_pdf_are_drawn_in_their_size(documents: Documents) -> None:
    document = await documents.open(typed_pdf("one", "two", size_pt=(144, 72)))
    page = await opened(document, 2, with_jpeg=True)

    assert document.page_count == 2
    assert (page.fitted.original_width, page.fitted.original_height) == (500, 250)
    assert page.dots_per_inch == 250
    with Image.open(io.BytesIO(page.jpeg)) as jpeg:
        assert (jpeg.format, jpeg.size) == ("JPEG", (500, 250))


async def test_colors_of_a_pdf_keep_their_places(documents: Documents) -> None:
    page = await first_page(documents, pdf_file([b"1 0 0 rg 0 0 999 999 re f"]))

    assert page.fitted.pixels[99, 99].tolist() == [255, 0, 0]


async def test_turned_page_of_a_pdf_is_drawn_upright(documents: Documents) -> None:
    page = await first_page(
        documents, pdf_file([b""], size_pt=(144, 72), page_entries=b"/Rotate 90")
    )

    assert (page.fitted.original_width, page.fitted.original_height) == (250, 500)


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}, {"compression": "tiff_lzw"}])
async def test_pages_of_a_tiff_are_opened_by_number(
    documents: Documents, options: dict[str, object]
) -> None:
    document = await documents.open(tiff_of("red", "lime", "blue", **options))
    pages = [await opened(document, number) for number in (3, 1, 2)]

    assert document.page_count == 3
    found = [page.fitted.pixels[10, 10].tolist() for page in pages]
    assert found == [[0, 0, 255], [255, 0, 0], [0, 255, 0]]


async def test_resolution_that_a_tiff_tells_is_known(documents: Documents) -> None:
    page = await first_page(documents, tiff_of("red", dpi=(300, 300)))

    assert page.dots_per_inch == 300


@pytest.mark.parametrize(
    ("dpi", "orientation", "resolution", "size"),
    [
        ((204, 98), 1, (204, 98), (104, 40)),
        ((200, 100), 6, (100, 200), (40, 100)),
        ((100, 200), 1, (100, 200), (50, 80)),
        ((300, 300), 1, (300, 300), (50, 40)),
        ((300, 20), 1, (300, 300), (50, 40)),
    ],
)
async def test_unequal_resolutions_of_a_tiff_are_made_square_to_read(
    documents: Documents,
    dpi: tuple[int, int],
    orientation: int,
    resolution: tuple[int, int],
    size: tuple[int, int],
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    page = await first_page(documents, tiff_of("red", dpi=dpi, exif=exif))

    assert (page.dots_per_inch, page.vertical_dots_per_inch) == resolution
    assert page.fitted.pixels.shape[:2] == size


@pytest.mark.parametrize(
    "junk", [b"\x1b%-12345X@PJL SET COPIES=1\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 1000]
)
async def test_pdf_with_something_before_its_header_is_read(
    documents: Documents, junk: bytes
) -> None:
    document = await documents.open(junk + typed_pdf("one", "two"))
    page = await opened(document, 2)

    assert document.page_count == 2
    assert page.fitted.pixels.min() < 100


async def test_image_has_one_page_of_unknown_resolution(documents: Documents) -> None:
    output = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(output, "PNG")
    document = await documents.open(output.getvalue())
    page = await opened(document, 1)

    assert (document.page_count, page.dots_per_inch, page.jpeg) == (1, 0, b"")
    assert (page.fitted.original_width, page.fitted.original_height) == (60, 40)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (locked_pdf(), "the PDF asks for a password; send it without one"),
        (b"%PDF-1.7", "the PDF is damaged, cut short or without pages; send a whole file"),
        (animals("PDF")[:5000], "damaged"),
        (pdf_file([]), "without pages"),
        (endless_tiff(), "over 10000 pages"),
        (b"II*\0\xff\xff\xff\x7f", "a damaged TIFF file"),
        (b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "a damaged TIFF file"),
        (b"II*\0\0\0\0\0", "the TIFF file has no pages"),
        (tiff_of("red", "lime")[:3000], "a damaged TIFF file"),
        (b"neither", "send JPEG"),
        (b"%PDF-".ljust(MAX_IMAGE_BYTES + 1), "the limit is 10485760"),
    ],
    ids=[
        "locked",
        "head",
        "cut",
        "empty",
        "endless",
        "far",
        "far-big",
        "none",
        "cut-tiff",
        "text",
        "large",
    ],
)
async def test_bad_document_says_what_is_wrong(
    documents: Documents, content: bytes, message: str
) -> None:
    with pytest.raises(UnreadableImage) as caught:
        await first_page(documents, content)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "size_pt", [(14400, 14400), (14400, 1), (1, 1), (0, 0), (-9, -9), (1e38, 1e38), (1e-9, 5)]
)
async def test_absurd_page_is_drawn_within_bounds(
    documents: Documents, size_pt: tuple[float, float]
) -> None:
    page = await first_page(documents, typed_pdf("x", size_pt=size_pt))

    assert 1 <= page.fitted.original_height <= MAX_SIDE_PX
    assert 1 <= page.fitted.original_width <= MAX_SIDE_PX


async def test_pixels_of_a_page_have_their_own_limit() -> None:
    limits = DrawingLimits(dots_per_inch=250, max_side_px=MAX_SIDE_PX, max_pixels=100_000)
    pixels, drawn = await PdfDrawer(limits, at_once=1).draw(typed_pdf("x"), 1)

    assert 90_000 < pixels.shape[0] * pixels.shape[1] < 101_000
    assert drawn.dots_per_inch == 32


async def test_image_of_100_megapixels_within_a_pdf_is_drawn_small(documents: Documents) -> None:
    page = await first_page(documents, pdf_with_image(10_000))

    assert np.array_equal(page.fitted.pixels[1500, 1000], [0, 0, 0])


async def test_five_thousand_pages_are_counted(documents: Documents) -> None:
    assert (await documents.open(pdf_file([b""] * 5000))).page_count == 5000


async def test_page_that_takes_for_ever_is_given_up() -> None:
    drawer = PdfDrawer(LIMITS, at_once=1, within_s=1.5)

    with pytest.raises(UnreadableImage, match=r"page 1 of the PDF takes over 1\.5 s"):
        await drawer.draw(slow_pdf(), 1)


async def test_page_that_takes_too_much_memory_harms_nobody() -> None:
    limits = DrawingLimits(dots_per_inch=250, max_side_px=50_000, max_pixels=2_500_000_000)
    drawer = PdfDrawer(limits, at_once=1)

    with pytest.raises(UnreadableImage, match="takes too much memory"):
        await drawer.draw(typed_pdf("x", size_pt=(14400, 14400)), 1)


async def test_drawing_that_nobody_waits_for_ends() -> None:
    drawer = PdfDrawer(LIMITS, at_once=1)
    drawing = asyncio.create_task(drawer.draw(slow_pdf(), 1))
    await asyncio.sleep(0)  # it begins

    drawing.cancel()
    await asyncio.wait((drawing,))

    assert drawing.cancelled()
    assert (await drawer.inspect(typed_pdf("its place is free"))).page_count == 1


async def test_broken_tiff_has_pages_or_is_refused(documents: Documents) -> None:
    chance = random.Random(4)  # noqa: S311 - not for secrets
    opened_pages = 0

    for content in mutations(tiff_of("red", "lime", "blue"), chance, count=300):
        try:
            document = await documents.open(content)
            for number in range(1, min(document.page_count, 4) + 1):
                await opened(document, number)
                opened_pages += 1
        except UnreadableImage:
            continue

    assert opened_pages > 100


async def test_broken_pdf_is_drawn_or_refused(documents: Documents) -> None:
    chance = random.Random(4)  # noqa: S311 - not for secrets
    opened_pages = 0

    for content in mutations(typed_pdf("one"), chance, count=8):
        try:
            await first_page(documents, b"%PDF-" + content[5:])
        except UnreadableImage:
            continue
        opened_pages += 1

    assert opened_pages > 0


def mutations(content: bytes, chance: random.Random, *, count: int) -> Iterator[bytes]:
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 9)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        yield bytes(changed)


async def test_bomb_of_a_tiff_is_refused(documents: Documents) -> None:
    with pytest.raises(UnreadableImage, match="TIFF strips; the limit is"):
        await first_page(documents, bomb_images()["strips.tiff"])
