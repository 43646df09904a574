"""A PDF that comes keeps its pages and gets the text that they lack, invisible."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pypdfium2  # type: ignore[import-untyped]  # no py.typed
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # as above
import pytest
from numpy.typing import NDArray
from pikepdf import Array, Dictionary, Name, Pdf, pdfa

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from imagemesh.ocr.v1 import page_pb2
from modelkit.images import encode_image
from ocr.amending import Amendment
from ocr.formats import write_document, write_layers
from ocr.isolated import IsolatedModule
from ocr.writing import amend
from tests.ocr.papers import layered_pdf, typed_pdf
from tests.ocr.printed import printed_page
from tests.ocr.test_pdf import pdftotext
from tests.ocr.written import draw_lines

LINE = "Nine brown foxes"
NEAR_POINTS = 9.0  # the detector has the line 40 points high and 8 longer than its letters
MIDDLE_POINTS = 4.5
WIDTH, HEIGHT = 595, 842  # of the pages in points
# Matrices that draw a page as it is seen after it was turned clockwise by so many degrees.
TURNS = {
    0: "1 0 0 1 0 0",
    90: f"0 1 -1 0 {WIDTH} 0",
    180: f"-1 0 0 -1 {WIDTH} {HEIGHT}",
    270: f"0 -1 1 0 0 {HEIGHT}",
}
CHOICES = {"": [1, 2], "2": [2]}


async def written(stub: "rpc.OcrServiceAsyncStub", content: bytes, **fields: Any) -> bytes:
    """Return the PDF that is written; Any: the values of any field."""
    return (await answered(stub, content, **fields))[0]


async def answered(
    stub: "rpc.OcrServiceAsyncStub",
    content: bytes,
    **fields: Any,  # Any: as above
) -> tuple[bytes, list[str]]:
    """Return the PDF that is written and the codes of the warnings."""
    request = pb.RecognizeDocumentRequest(document=content, format=page_pb2.FORMAT_PDF, **fields)
    answers = [answer async for answer in stub.RecognizeDocument(request)]
    codes = [found.code for answer in answers for found in answer.page.read.warnings]
    return b"".join(answer.document.content for answer in answers), codes


def changed(content: bytes, change: Callable[[Pdf], object], **options: Any) -> bytes:
    """Return a PDF after a change; Any: the options of pikepdf."""
    output = io.BytesIO()
    with Pdf.open(io.BytesIO(content)) as pdf:
        change(pdf)
        pdf.save(output, **options)
    return output.getvalue()


def scan(turn: int = 0, after: bytes = b"") -> bytes:
    """Return a scanned page that is shown turned, level to the reader."""

    def turned(pdf: Pdf) -> None:
        page = pdf.pages[0]
        page.obj.Rotate = turn
        down = -250 if turn in {90, 270} else 0  # the page that is shown is less high
        page.contents_add(f"q {TURNS[turn]} cm 1 0 0 1 0 {down} cm ".encode(), prepend=True)
        page.contents_add(b" Q " + after)

    return changed(layered_pdf(LINE, " "), turned)


def drawn(content: bytes, number: int = 0) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = pypdfium2.PdfDocument(content)[number].render(scale=2).to_numpy()
    return pixels


def text_of(content: bytes, number: int = 0) -> str:
    text: str = pypdfium2.PdfDocument(content)[number].get_textpage().get_text_range()
    return text.strip()


def ink_box(content: bytes) -> NDArray[np.float64]:
    """Return the corners (2, 2) around what is drawn, in points of the page as it is shown."""
    rows, columns = np.nonzero(drawn(content)[:, :, 0] < 128)
    return np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]]) / 2


def text_box(content: bytes) -> NDArray[np.float64]:
    """Return the corners (2, 2) around all letters for PDFium, in the same points."""
    page = pypdfium2.PdfDocument(content)[0]
    text, corners = page.get_textpage(), []
    for number in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(number, loose=True)
        for x, y in ((left, bottom), (right, top)):
            if not text.get_text_range(number, 1).isspace():
                corners.append(_shown(page, x, y))
    return np.array([np.min(corners, axis=0), np.max(corners, axis=0)])


def _shown(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    found = pdfium.c_int(), pdfium.c_int()
    width, height = (round(side * 10) for side in page.get_size())
    pdfium.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, *found)
    return found[0].value / 10, found[1].value / 10


def poppler_box(content: bytes, folder: Path) -> NDArray[np.float64]:
    found = pdftotext(content, folder, "-bbox", "-cropbox")
    sides = re.findall(r'xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)"', found)
    boxes = np.array(sides, np.float64)
    return np.array([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def crop(pdf: Pdf) -> None:
    pdf.pages[0].obj.CropBox = Array([40, 500, 520, 800])


def move(pdf: Pdf) -> None:
    pdf.pages[0].obj.MediaBox = Array([-100, 200, 500, 900])


def unit(pdf: Pdf) -> None:
    pdf.pages[0].obj.UserUnit = 2.0


def edge(pdf: Pdf) -> None:
    pdf.pages[0].obj.MediaBox = Array([10, 5, 595, 842])
    pdf.pages[0].obj.CropBox = Array([20, 30, 560, 830])


def stay(pdf: Pdf) -> None:
    del pdf  # is as it should be


@pytest.mark.parametrize(
    ("turn", "change"),
    [(0, stay), (180, stay), (270, stay), (0, crop), (0, move), (0, unit), (90, edge)],
)
async def test_text_stands_where_letters_are_drawn(
    stub: "rpc.OcrServiceAsyncStub", tmp_path: Path, turn: int, change: Callable[[Pdf], None]
) -> None:
    content = changed(scan(turn), change)

    amended = await written(stub, content)

    assert text_of(amended) == LINE
    np.testing.assert_array_equal(drawn(amended), drawn(content))
    ink = ink_box(amended)
    for box in (text_box(amended), poppler_box(amended, tmp_path)):
        np.testing.assert_allclose(box[:, 0], ink[:, 0], atol=NEAR_POINTS)
        np.testing.assert_allclose(box.mean(axis=0), ink.mean(axis=0), atol=MIDDLE_POINTS)
    assert len(amended) < len(content) + 4_000


@pytest.mark.parametrize("after", [b"q 3 0 0 3 9 9 cm", b"Q Q", b"q q BT 1 Tr ET 0 0 5 5 re W n"])
async def test_content_that_leaves_its_state_is_kept(
    stub: "rpc.OcrServiceAsyncStub", after: bytes
) -> None:
    content = scan(after=after)

    amended = await written(stub, content)

    np.testing.assert_array_equal(drawn(amended), drawn(content))
    np.testing.assert_allclose(text_box(amended)[:, 0], ink_box(amended)[:, 0], atol=NEAR_POINTS)


def rich_pdf() -> bytes:
    """Return a typed page and a scanned one, with an outline, links, fields and metadata."""

    def enrich(pdf: Pdf) -> None:
        with Pdf.open(io.BytesIO(scan())) as other:
            pdf.pages.append(other.pages[0])
        link = Dictionary(
            Type=Name.Annot,
            Subtype=Name.Link,
            Rect=Array([60, 600, 200, 650]),
            A=Dictionary(S=Name.URI, URI="https://example.com/"),
        )
        field = Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, Rect=Array([0, 0, 9, 9]), FT=Name.Tx, T="name"
        )
        pdf.pages[1].obj.Annots = Array([pdf.make_indirect(link)])
        pdf.pages[0].obj.Annots = Array([pdf.make_indirect(field)])
        pdf.Root.AcroForm = Dictionary(Fields=Array([pdf.pages[0].obj.Annots[0]]))
        with pdf.open_outline() as outline:
            outline.root += [pikepdf.OutlineItem("First", 0), pikepdf.OutlineItem("Second", 1)]
        pdf.docinfo["/Title"] = "Foxes"
        with pdf.open_metadata() as metadata:
            metadata["dc:title"] = "Foxes"

    return changed(typed_pdf("Typed text here"), enrich)


@pytest.mark.parametrize("pages", CHOICES)
async def test_links_fonts_outline_and_metadata_stay(
    stub: "rpc.OcrServiceAsyncStub", pages: str
) -> None:
    content = rich_pdf()

    with Pdf.open(io.BytesIO(await written(stub, content, pages=pages))) as pdf:
        page = pdf.pages[-1].obj
        fonts = {str(font.BaseFont) for font in page.Resources.Font.values()}
        with pdf.open_outline() as outline:
            titles = [item.title for item in outline.root]
        with pdf.open_metadata() as metadata:
            assert metadata["dc:title"] == pdf.docinfo["/Title"] == "Foxes"

        assert str(page.Annots[0].A.URI) == "https://example.com/"
        assert fonts == {"/Helvetica", "/Invisible"}
        assert titles == ["First", "Second"][-len(pdf.pages) :]
        assert len(pdf.Root.AcroForm.Fields) == len(pdf.pages) - 1


@pytest.mark.parametrize(("pages", "kept"), CHOICES.items())
async def test_chosen_pages_look_as_they_came(
    stub: "rpc.OcrServiceAsyncStub", pages: str, kept: list[int]
) -> None:
    content = rich_pdf()

    amended = await written(stub, content, pages=pages)

    assert len(pypdfium2.PdfDocument(amended)) == len(kept)
    assert text_of(amended, len(kept) - 1) == LINE
    for place, number in enumerate(kept):
        np.testing.assert_array_equal(drawn(amended, place), drawn(content, number - 1))


async def test_removed_pages_leave_nothing_in_the_file(stub: "rpc.OcrServiceAsyncStub") -> None:
    amended = await written(stub, rich_pdf(), pages="2")

    with Pdf.open(io.BytesIO(amended)) as pdf:
        streams = [found for found in pdf.objects if isinstance(found, pikepdf.Stream)]
        drawings = [found.read_bytes() for found in streams if Name.Subtype not in found]

    assert any(b"/P Do" in drawing for drawing in drawings)
    assert not any(b"Typed text" in drawing for drawing in drawings)


async def test_pages_with_their_own_text_stay_as_they_are(stub: "rpc.OcrServiceAsyncStub") -> None:
    content = typed_pdf("Typed text here", "More of it")

    assert await written(stub, content) == content


async def test_text_beside_a_scan_is_not_doubled(stub: "rpc.OcrServiceAsyncStub") -> None:
    content = layered_pdf(LINE, " ", page_text="Page 7 of 12")

    amended = await written(stub, content)

    assert text_of(amended).count("Page") == 1
    assert LINE in text_of(amended)


async def test_ignored_text_layer_is_replaced(stub: "rpc.OcrServiceAsyncStub") -> None:
    content = layered_pdf(LINE, "Other text again")
    ignore = pb.TEXT_LAYER_IGNORE

    once = await written(stub, content, text_layer=ignore)
    twice = await written(stub, once, text_layer=ignore)

    assert text_of(once) == text_of(twice) == LINE
    np.testing.assert_array_equal(drawn(twice), drawn(content))


async def test_signed_pdf_loses_its_signature_with_a_warning(
    stub: "rpc.OcrServiceAsyncStub",
) -> None:
    content = changed(scan(), _sign)

    amended, codes = await answered(stub, content)

    assert codes == ["signature_lost"]
    with Pdf.open(io.BytesIO(amended)) as pdf:
        assert Name.V not in pdf.Root.AcroForm.Fields[0]


async def test_signed_pdf_with_its_own_text_stays_signed(stub: "rpc.OcrServiceAsyncStub") -> None:
    content = changed(typed_pdf("Typed text here"), _sign)

    assert await answered(stub, content) == (content, [])


def _sign(pdf: Pdf) -> None:
    signature = Dictionary(
        Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), Contents=b"0" * 64, ByteRange=[0, 1, 2, 3]
    )
    field = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Widget,
        FT=Name.Sig,
        T="signed",
        Rect=Array([0, 0, 0, 0]),
        V=pdf.make_indirect(signature),
    )
    pdf.pages[0].obj.Annots = Array([pdf.make_indirect(field)])
    pdf.Root.AcroForm = Dictionary(Fields=Array([pdf.pages[0].obj.Annots[0]]), SigFlags=3)


async def test_pdf_for_archives_stays_one(stub: "rpc.OcrServiceAsyncStub") -> None:
    pixels = draw_lines(LINE, width=500)
    page = replace(
        printed_page([], dots_per_inch=100),
        jpeg=encode_image(pixels, "image/jpeg"),
        height_px=pixels.shape[0],
        width_px=pixels.shape[1],
    )
    content = write_document([page], "pdf").content

    amended = await written(stub, content)

    assert text_of(amended) == LINE
    assert pdfa.validate_written(io.BytesIO(amended), "2b").passed


async def test_restrictions_of_an_encrypted_pdf_stay(stub: "rpc.OcrServiceAsyncStub") -> None:
    lock = pikepdf.Encryption(
        owner="owner", user="", allow=pikepdf.Permissions(print_highres=False)
    )
    content = changed(scan(), stay, encryption=lock)

    amended = await written(stub, content)

    assert text_of(amended) == LINE
    with Pdf.open(io.BytesIO(amended)) as pdf:
        assert pdf.is_encrypted
        assert not pdf.allow.print_highres


async def test_damaged_pdf_is_amended_or_drawn_anew(stub: "rpc.OcrServiceAsyncStub") -> None:
    """Its table of objects is moved, and the two readers may find another number of pages."""
    moved = layered_pdf(LINE, " ").replace(b"%PDF-1.7\n", b"%PDF-1.7\n% moved\n")
    odd = moved.replace(b"/Kids[5 0 R]", b"/Kids[5 0 R 5 0 R]")

    for damaged in (moved, odd):
        assert LINE in text_of(await written(stub, damaged))


@pytest.mark.parametrize(("content", "within_s"), [(b"%PDF-1.7 not one", 30.0), (scan(), 0.0)])
async def test_file_that_cannot_be_amended_in_time_gives_nothing(
    content: bytes, within_s: float
) -> None:
    layers = write_layers([])
    amendment = Amendment(len(layers), 1, kept=[1], layered=[], is_layer_replaced=False)

    amending = IsolatedModule("ocr.amending", at_once=1, within_s=within_s)

    assert await amend(amending, content, layers, amendment) == b""
