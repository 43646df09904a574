"""Documents over real gRPC: page by page, in every format, cancelled by their caller."""

import asyncio
import io
import struct
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # no py.typed
import pytest
from PIL import Image

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from imagemesh.ocr.v1 import page_pb2
from ocr.tiff import find_pages
from tests.ocr.papers import ANIMALS, animals, layered_pdf, locked_pdf, pdf_file, typed_pdf
from tests.ocr.serving import running
from tests.ocr.written import PANGRAM, page_png
from tests.serving import failure

ANIMALS_PDF = animals("PDF", resolution=100)
LONG_PDF = pdf_file([b"BT /F 24 Tf 60 700 Td (Page after page after page) Tj ET"] * 30)


async def read(stub: "rpc.OcrServiceAsyncStub", content: bytes, **fields: Any) -> Any:
    """Return all answers; Any: the values of any field, and messages."""
    request = pb.RecognizeDocumentRequest(document=content, **fields)
    return [answer async for answer in stub.RecognizeDocument(request)]


@pytest.mark.parametrize("content", [ANIMALS_PDF, animals("TIFF"), typed_pdf(*ANIMALS)])
async def test_pages_come_in_order_with_their_text(
    stub: "rpc.OcrServiceAsyncStub", content: bytes
) -> None:
    pages = [answer.page for answer in await read(stub, content)]

    assert [page.read.text for page in pages] == list(ANIMALS)
    assert [page.number for page in pages] == [1, 2, 3]
    assert {page.page_count for page in pages} == {3}


async def test_page_of_a_pdf_has_places_in_drawn_pixels(stub: "rpc.OcrServiceAsyncStub") -> None:
    (answer,) = await read(stub, typed_pdf("Brown foxes"))
    page, words = answer.page, answer.page.read.lines[0].words

    assert page.dots_per_inch == 250
    assert (page.read.size.width, page.read.size.height) == (2066, 2924)
    assert [word.text for word in words] == ["Brown", "foxes"]
    # The text stands 60 pt from the left and 90 pt from the top, on its base line.
    assert words[0].corners[3].x == pytest.approx(60 * 250 / 72, abs=15)
    assert words[0].corners[3].y == pytest.approx(90 * 250 / 72, abs=25)


async def test_text_layer_is_taken_or_ignored(stub: "rpc.OcrServiceAsyncStub") -> None:
    layer = "Eight green frogs"
    content = layered_pdf("Nine brown foxes", layer)

    (used,) = await read(stub, content)
    (ignored,) = await read(stub, content, text_layer=pb.TEXT_LAYER_IGNORE)
    (found,) = await read(stub, content, language="auto")

    assert (used.page.read.text, used.page.read.route) == (layer, "text-layer")
    assert (used.page.read.model.name, used.page.read.lines[0].language) == ("text-layer", "eng")
    assert ignored.page.read.text == found.page.read.text == "Nine brown foxes"


@pytest.mark.parametrize("text", ["Nine brown foxes", "Page 7 of 12", "Twelve (grey) wolves"])
async def test_typed_text_is_taken_as_it_is(stub: "rpc.OcrServiceAsyncStub", text: str) -> None:
    escaped = text.replace("(", "\\(").replace(")", "\\)")

    (answer,) = await read(stub, typed_pdf(escaped))

    page = answer.page.read
    assert (page.text, page.route, page.confidence) == (text, "text-layer", 1.0)
    assert [word.text for word in page.lines[0].words] == text.split()


async def test_scan_with_a_typed_page_number_is_read(stub: "rpc.OcrServiceAsyncStub") -> None:
    content = layered_pdf("Nine brown foxes and seven white horses", " ", page_text="Page 7")

    (answer,) = await read(stub, content)

    assert answer.page.read.route != "text-layer"
    assert "brown foxes" in answer.page.read.text
    assert "Page 7" in answer.page.read.text


async def test_range_of_pages_is_read(stub: "rpc.OcrServiceAsyncStub") -> None:
    answers = await read(stub, ANIMALS_PDF, pages="3,1")

    assert [answer.page.read.text for answer in answers] == [ANIMALS[0], ANIMALS[2]]


@pytest.mark.parametrize("content", [ANIMALS_PDF, animals("TIFF")])
@pytest.mark.parametrize(("pages", "read_ones"), [("", ANIMALS), ("2-", ANIMALS[1:])])
async def test_pages_of_a_document_are_analyzed_together(
    stub: "rpc.OcrServiceAsyncStub", content: bytes, pages: str, read_ones: tuple[str, ...]
) -> None:
    answer = await stub.Analyze(pb.AnalyzeRequest(image=content, pages=pages))

    assert answer.text == "\f".join(read_ones)
    assert answer.page_count == 3


async def test_image_is_a_document_of_one_page(stub: "rpc.OcrServiceAsyncStub") -> None:
    image = page_png(PANGRAM)
    (answer,) = await read(stub, image, pages="1")
    alone = await stub.Recognize(pb.RecognizeRequest(image=image))

    assert answer.page.page_count == 1
    assert answer.page.dots_per_inch == 0
    assert answer.page.read.lines == alone.lines
    assert answer.page.read.blocks == alone.blocks


async def test_first_page_of_a_tiff_is_recognized(stub: "rpc.OcrServiceAsyncStub") -> None:
    answer = await stub.Recognize(pb.RecognizeRequest(image=animals("TIFF")))

    assert answer.text == ANIMALS[0]


async def test_unsure_lines_are_left_out(stub: "rpc.OcrServiceAsyncStub") -> None:
    image = page_png(PANGRAM)

    sure = await stub.Recognize(pb.RecognizeRequest(image=image, min_confidence=0.5))
    unsure = await stub.Recognize(pb.RecognizeRequest(image=image, min_confidence=1))

    assert sure.text == PANGRAM
    assert (unsure.text, list(unsure.lines), list(unsure.blocks)) == ("", [], [])


@pytest.mark.parametrize(
    ("format_", "media_type", "marks"),
    [
        (page_pb2.FORMAT_HOCR, "application/xhtml+xml", ["ocr_page", "foxes", "horses"]),
        (page_pb2.FORMAT_ALTO, "application/xml", ["<Page", "foxes", "horses"]),
        (page_pb2.FORMAT_TSV, "text/tab-separated-values", ["\tfoxes\n", "\thorses\n"]),
    ],
)
async def test_text_format_comes_after_the_pages(
    stub: "rpc.OcrServiceAsyncStub", format_: page_pb2.Format, media_type: str, marks: list[str]
) -> None:
    *pages, last = await read(stub, ANIMALS_PDF, format=format_)

    assert [page.page.number for page in pages] == [1, 2, 3]
    assert last.document.media_type == media_type
    text = last.document.content.decode()
    assert all(mark in text for mark in marks)


async def test_written_pdf_has_images_size_and_text(stub: "rpc.OcrServiceAsyncStub") -> None:
    *_, last = await read(stub, ANIMALS_PDF, pages="1-2", format=page_pb2.FORMAT_PDF)

    assert last.document.media_type == "application/pdf"
    pdf, given = pypdfium2.PdfDocument(last.document.content), pypdfium2.PdfDocument(ANIMALS_PDF)
    assert len(pdf) == 2
    assert pdf[0].get_size() == pytest.approx(given[0].get_size(), abs=1)
    assert [page.get_textpage().get_text_bounded().strip() for page in pdf] == list(ANIMALS[:2])
    assert pdf[0].render().to_numpy().min() < 100


async def test_large_document_comes_in_pieces(stub: "rpc.OcrServiceAsyncStub") -> None:
    noise = np.random.default_rng(4).integers(0, 256, (2900, 2900, 3), np.uint8)
    image = io.BytesIO()
    Image.fromarray(noise).save(image, "JPEG", quality=85)

    *_, first, second = await read(stub, image.getvalue(), format=page_pb2.FORMAT_PDF)

    assert len(first.document.content) == 4 * 2**20
    assert first.document.content.startswith(b"%PDF-")
    assert second.document.content.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize(
    ("content", "fields", "reason", "message"),
    [
        (ANIMALS_PDF, {"pages": "4"}, "invalid_request", "the document has 3 pages"),
        (ANIMALS_PDF, {"pages": "x"}, "invalid_request", "numbers and ranges"),
        (ANIMALS_PDF, {"format": 9}, "invalid_request", "format 9 is not known"),
        (ANIMALS_PDF, {"min_confidence": 1.5}, "invalid_request", "send 0 to 1"),
        (ANIMALS_PDF, {"min_confidence": float("nan")}, "invalid_request", "send 0 to 1"),
        (ANIMALS_PDF, {"language": "xx"}, "unsupported_language", "unknown"),
        (page_png("one"), {"pages": "2"}, "invalid_request", "there is no page 2"),
        (locked_pdf(), {}, "unreadable_image", "asks for a password"),
        (b"", {}, "unreadable_image", "send JPEG"),
    ],
)
async def test_bad_request_is_refused(
    stub: "rpc.OcrServiceAsyncStub",
    content: bytes,
    fields: dict[str, Any],  # Any: as above
    reason: str,
    message: str,
) -> None:
    code, found, words = await failure(read(stub, content, **fields))

    assert (code, found) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert message in words


async def test_bad_page_fails_after_the_good_ones(stub: "rpc.OcrServiceAsyncStub") -> None:
    tiff = bytearray(animals("TIFF"))
    width = find_pages(bytes(tiff))[1] + 2 + 8  # the value of the first tag of the second page
    tiff[width : width + 4] = struct.pack("<I", 70_000)
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(document=bytes(tiff)))

    first = await call.read()
    code, reason, message = await failure(call.read())

    assert isinstance(first, pb.RecognizeDocumentResponse)
    assert first.page.read.text == ANIMALS[0]
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "unreadable_image")
    assert "image is 70000 x" in message


async def test_pages_of_one_request_are_limited(tmp_path: Path) -> None:
    async with running(tmp_path, max_pages=2) as stub:
        code, _, message = await failure(read(stub, ANIMALS_PDF))
        pages = await read(stub, ANIMALS_PDF, pages="2-3")

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert 'send a range in pages, such as "1-2"' in message
    assert len(pages) == 2


async def test_page_is_sent_as_soon_as_it_is_read(stub: "rpc.OcrServiceAsyncStub") -> None:
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(document=LONG_PDF))

    first = await call.read()

    assert isinstance(first, pb.RecognizeDocumentResponse)
    assert first.page.page_count == 30
    assert not call.done()
    call.cancel()


async def test_caller_that_goes_away_stops_the_reading(stub: "rpc.OcrServiceAsyncStub") -> None:
    """With one place at a time for all callers, the next answer tells what was still in line."""
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(document=LONG_PDF))
    began_s = asyncio.get_running_loop().time()
    await call.read()
    page_s = asyncio.get_running_loop().time() - began_s

    call.cancel()
    answer = await stub.Recognize(pb.RecognizeRequest(image=page_png(PANGRAM)))

    assert answer.text == PANGRAM
    assert answer.seconds < 6 * page_s  # not 29 pages later


async def test_other_callers_are_answered_between_two_pages(
    stub: "rpc.OcrServiceAsyncStub",
) -> None:
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(document=LONG_PDF))
    await call.read()
    other = asyncio.create_task(_recognize(stub, caller="another"))

    pages = 1
    while not other.done():
        await call.read()
        pages += 1
    call.cancel()

    assert (await other).text == PANGRAM
    assert pages < 10


async def _recognize(stub: "rpc.OcrServiceAsyncStub", *, caller: str) -> pb.RecognizeResponse:
    request = pb.RecognizeRequest(image=page_png(PANGRAM))
    return await stub.Recognize(request, metadata=(("x-caller", caller),))


async def test_deadline_ends_a_document(stub: "rpc.OcrServiceAsyncStub") -> None:
    call = stub.RecognizeDocument(pb.RecognizeDocumentRequest(document=LONG_PDF), timeout=1.5)

    code, _, _ = await failure(_all(call))

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED


async def _all(call: Any) -> None:  # Any: a call of the stub
    async for _ in call:
        pass
