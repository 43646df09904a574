"""Documents and formats of /api/v1/ocr."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from contract.endpoints.ocr import Format
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import page_pb2
from tests.gateway.origin import IMAGE, image_answer
from tests.gateway.running import Gateway, Start, alone, coins_of, give
from tests.gateway.services import DOUBTFUL, WARNING, WRITTEN
from tests.gateway.stage import Stage
from tests.gateway.uploads import FORMS, base64, form_of, send_in, upload

PDF = b"%PDF-1.7 three pages"
TIFF = b"II*\0 three pages"
CORNERS = [[1.0, 2.0], [9.0, 2.0], [9.0, 4.0], [1.0, 4.5]]
DETAILS = {
    "model": {"name": "by-hand", "version": "1.2.3", "device": "cpu", "provider": "hand"},
    "seconds": 0.5,
    "page_count": 3,
}


async def read(gateway: Gateway, content: bytes = PDF, **fields: object) -> Any:  # Any: JSON
    reply = await gateway.post("ocr", {"image": base64(content), **fields})
    assert reply.status == 200, reply.body
    return reply.json


async def test_pages_of_a_tiff_are_joined_too(gateway: Gateway) -> None:
    assert (await read(gateway, TIFF))["result"] == {"text": "Page 1\fPage 2"}


@pytest.mark.parametrize("form", FORMS)
async def test_pages_of_a_pdf_are_joined_by_form_feeds(gateway: Gateway, form: str) -> None:
    status, body = await send_in(gateway, form, "ocr", PDF)

    assert status == 200
    assert isinstance(body, dict)
    assert body["result"]["text"] == "Page 1\fPage 2"
    assert body.keys() == {"result"}


async def test_image_is_read_by_the_unary_rpc(gateway: Gateway, stage: Stage) -> None:
    await read(gateway, IMAGE, format="text", min_confidence=0.5)

    request = stage.calls[-1].request
    assert type(request).__name__ == "RecognizeRequest"
    assert request.min_confidence == 0  # the text stays whole


async def test_service_is_told_what_to_read(gateway: Gateway, stage: Stage) -> None:
    await read(gateway, min_confidence=0.25)
    assert stage.calls[-1].request.min_confidence == 0  # plain text stays whole
    await gateway.post("analyzed-ocr", {"image": base64(PDF), "pages": "2-"})
    analyzed = stage.calls[-1].request
    await read(gateway, IMAGE, format="alto", pages="1-", lang="deu", min_confidence=0.25)

    request = stage.calls[-1].request
    assert (analyzed.image, analyzed.pages) == (PDF, "2-")
    assert (request.document, request.language, request.pages) == (IMAGE, "deu", "1-")
    assert (request.min_confidence, request.format) == (0.25, page_pb2.FORMAT_ALTO)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, pb.TEXT_LAYER_USE),
        ({"text_layer": "use"}, pb.TEXT_LAYER_USE),
        ({"text_layer": "ignore"}, pb.TEXT_LAYER_IGNORE),
    ],
)
async def test_text_layer_is_used_unless_it_is_to_be_ignored(
    gateway: Gateway, stage: Stage, fields: dict[str, str], asked: pb.TextLayer
) -> None:
    await gateway.post("ocr", {"image": base64(PDF), **fields})

    assert stage.calls[-1].request.text_layer == asked


async def test_json_has_pages_blocks_lines_and_words(gateway: Gateway) -> None:
    answer = await read(gateway, format="json", details=True)

    assert answer["details"] == DETAILS
    assert answer["result"].keys() == {"page_count", "pages"}
    assert answer["result"]["page_count"] == 3
    assert answer["result"]["pages"][1] == {
        "number": 2,
        "width": 640,
        "height": 480,
        "dots_per_inch": 250,
        "lang": "eng",
        "confidence": 0.75,
        "rotation_degrees": 90,
        "skew_degrees": 1.5,
        "route": "pp-ocr-lines",
        "text": "Page 2",
        "blocks": [
            {
                "corners": CORNERS,
                "lines": [
                    {
                        "text": "Page 2",
                        "confidence": 0.75,
                        "corners": CORNERS,
                        "script": "Latn",
                        "words": [
                            {"text": "Page", "confidence": 0.5, "corners": CORNERS},
                            {"text": "2", "confidence": 0.5, "corners": CORNERS},
                        ],
                        "lang": "eng",
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize("written_as", ["hocr", "alto", "tsv"])
async def test_written_document_is_the_result_itself(gateway: Gateway, written_as: str) -> None:
    answer = await read(gateway, format=written_as, details=True)

    assert answer == {"result": WRITTEN.decode(), "details": DETAILS}


async def test_pdf_is_hosted_read_again_and_deleted_by_its_owner(gateway: Gateway) -> None:
    reply = await gateway.look_at("ocr", image_answer(PDF), format="json")
    made = (await read(gateway, IMAGE, format="pdf"))["result"]["pdf"]
    path = made.removeprefix(gateway.url)
    served = await gateway.send("GET", path)
    no_image = await gateway.post("classify", {"url": made})
    result = f"/api/v1/results/{path.rpartition('/')[2]}"
    deleted = await gateway.send("DELETE", result, headers={"X-API-Key": gateway.key})

    assert reply.json["result"]["url"].startswith("http://127.0.0.1:")
    assert re.fullmatch(r"/content/documents/[0-9a-f]{32}-[a-z]+\.pdf", path)
    assert (served.status, served.body) == (200, WRITTEN)
    assert served.headers["Content-Type"] == "application/pdf"
    assert no_image.refusal == (415, "unsupported_media_type")
    assert deleted.status == 204
    assert (await gateway.send("GET", path)).status == 404


@pytest.mark.parametrize("form", ["url", "base64", "multipart", "batch"])
async def test_other_endpoints_take_no_pdf(gateway: Gateway, form: str) -> None:
    for endpoint in ("colorize", "emotions", "faces", "classify", "nudity"):
        status, body = await send_in(gateway, form, endpoint, PDF)

        assert isinstance(body, dict)
        assert (status, body["error"]["code"]) == (415, "unsupported_media_type")
        assert "a PDF, which only ocr and analyzed-ocr read; send" in body["error"]["message"]
    neither = await gateway.post("ocr", {"image": base64(b"neither")})
    assert neither.message.endswith("AVIF or JPEG 2000, or PDF")


@pytest.mark.parametrize("written_as", ["text", "json", "hocr", "pdf"])
async def test_warnings_name_their_page(gateway: Gateway, written_as: str) -> None:
    image = {"image": base64(PDF + DOUBTFUL), "details": True}
    analyzed = await gateway.post("analyzed-ocr", image)
    answer = await read(gateway, PDF + DOUBTFUL, format=written_as, details=True)

    told = {"code": WARNING.code, "message": WARNING.message, "page": 2}
    assert answer["details"]["warnings"] == analyzed.json["details"]["warnings"] == [told]
    assert analyzed.json["details"]["page_count"] == 3


@pytest.mark.parametrize("endpoint", ["ocr", "analyzed-ocr"])
async def test_warnings_of_an_image_have_no_page(gateway: Gateway, endpoint: str) -> None:
    reply = await gateway.look(endpoint, DOUBTFUL, details=True)

    told = {"code": WARNING.code, "message": WARNING.message}
    assert reply.json["details"]["warnings"] == [told]
    assert "page_count" not in reply.json["details"]


async def test_unknown_format_gets_the_list(gateway: Gateway) -> None:
    reply = await gateway.post("ocr", {"image": base64(), "format": "docx"})
    uploaded = await upload(gateway, "ocr", form_of(IMAGE, format="docx"))

    message = f"parameter 'format': expected one of {', '.join(Format)}"
    for refused in (reply, uploaded):
        assert refused.refusal == (400, "invalid_parameter")
        assert refused.json["error"]["message"] == message


@pytest.mark.parametrize(("word", "status"), [("unreadable", 422), ("invalid", 400), ("bug", 500)])
async def test_fault_in_the_middle_of_a_document_costs_nothing(
    start: Start, word: str, status: int
) -> None:
    async with start() as gateway:
        await give(gateway.settings.database_url, 2)
        reply = await gateway.post("ocr", {"image": base64(PDF + b"|" + word.encode())})
        await read(gateway, format="hocr")
        left = await coins_of(gateway)

    assert (reply.status, left) == (status, 1)


async def test_caller_that_hangs_up_ends_the_document(tmp_path: Path) -> None:
    async with alone(tmp_path) as (gateway, stage):
        asking = asyncio.create_task(read(gateway, PDF + b"|wait"))
        await stage.waiting.wait()
        asking.cancel()
        await stage.cancelled.wait()

    assert len(stage.calls) == 2
