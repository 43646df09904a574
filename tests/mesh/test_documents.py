"""A document through the whole mesh, in every format, and the same over REST and gRPC."""

from typing import Any

import aiohttp
import grpc
import pypdfium2  # type: ignore[import-untyped]  # no py.typed
import pytest

from imagemesh.ocr.v1 import ocr_service_pb2 as ocr
from imagemesh.ocr.v1 import page_pb2
from imagemesh.ocr.v1.ocr_service_pb2_grpc import OcrServiceStub
from tests.mesh.images import ImageServer
from tests.ocr.papers import ANIMALS, animals

PAGES = "1-2"
PDF = animals("PDF", resolution=100)


@pytest.fixture(scope="module")
def url(images: ImageServer) -> str:
    """Return the URL of a PDF with three pages."""
    images.images["animals.pdf"] = PDF
    return images.url("animals.pdf")


async def read(rest: aiohttp.ClientSession, url: str, **fields: object) -> Any:  # Any: JSON
    async with rest.post("/api/v1/ocr", json={"url": url, "pages": PAGES, **fields}) as response:
        assert response.status == 200, await response.text()
        return (await response.json())["result"]


async def native(channels: dict[str, grpc.aio.Channel], **fields: Any) -> list[Any]:
    """Return the answers over gRPC; Any: the values of any field, and messages."""
    request = ocr.RecognizeDocumentRequest(document=PDF, pages=PAGES, **fields)
    stub = OcrServiceStub(channels["ocr"])
    return [answer async for answer in stub.RecognizeDocument(request)]


async def test_text_has_a_form_feed_between_pages(rest: aiohttp.ClientSession, url: str) -> None:
    assert await read(rest, url) == {"url": url, "text": "\f".join(ANIMALS[:2])}


async def test_json_has_what_grpc_has(
    rest: aiohttp.ClientSession, channels: dict[str, grpc.aio.Channel], url: str
) -> None:
    answer = await read(rest, url, format="json")
    pages = [part.page for part in await native(channels)]

    assert answer["page_count"] == 3
    for page, by_grpc in zip(answer["pages"], pages, strict=True):
        read_ = by_grpc.read
        assert (page["number"], page["dots_per_inch"]) == (by_grpc.number, by_grpc.dots_per_inch)
        assert (page["text"], page["route"], page["lang"]) == (read_.text, read_.route, "eng")
        assert (page["width"], page["height"]) == (read_.size.width, read_.size.height)
        lines = [line for block in page["blocks"] for line in block["lines"]]
        assert [line["text"] for line in lines] == [line.text for line in read_.lines]
        words = [word["corners"] for line in lines for word in line["words"]]
        assert words == [
            [[corner.x, corner.y] for corner in word.corners]
            for line in read_.lines
            for word in line.words
        ]


async def test_written_document_is_that_of_grpc(
    rest: aiohttp.ClientSession, channels: dict[str, grpc.aio.Channel], url: str
) -> None:
    text = await read(rest, url, format="alto")
    *_, last = await native(channels, format=page_pb2.FORMAT_ALTO)

    assert text == last.document.content.decode()
    assert all(word in text for animal in ANIMALS[:2] for word in animal.split())


async def test_pdf_is_hosted_and_can_be_searched(
    rest: aiohttp.ClientSession, channels: dict[str, grpc.aio.Channel], url: str
) -> None:
    hosted = (await read(rest, url, format="pdf"))["pdf"]
    async with rest.get(hosted) as response:
        content = await response.read()
    *_, last = await native(channels, format=page_pb2.FORMAT_PDF)

    assert (await read(rest, hosted))["text"] == "\f".join(ANIMALS[:2])
    assert response.content_type == "application/pdf"
    assert content == last.document.content
    texts = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(content)]
    assert [text.strip() for text in texts] == list(ANIMALS[:2])
