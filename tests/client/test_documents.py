"""Documents and formats: the same over REST and gRPC, and by the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from imagemesh.client import Client
from imagemesh.client.answers import Answer
from imagemesh.client.document_answers import HostedPdf
from imagemesh.client.requests import (
    OcrRequest,
    PagesRequest,
    PdfRequest,
    ReadRequest,
    WrittenRequest,
)
from tests.client.conftest import Run
from tests.client.scripted import PNG
from tests.gateway.running import Gateway
from tests.gateway.services import WRITTEN
from tests.gateway.stage import Stage

PDF = b"%PDF-1.7 three pages"

REQUESTS = [
    OcrRequest(details=True),
    OcrRequest(pages="1-2", min_confidence=0.5),
    PagesRequest(details=True),
    WrittenRequest(format="hocr"),
    WrittenRequest(format="alto", lang="deu", pages="1-2"),
    WrittenRequest(format="tsv", details=True),
]


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    """Return the file of a PDF."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(PDF)
    return path


@pytest.mark.parametrize("request_", REQUESTS)
async def test_document_is_answered_alike_over_rest_and_grpc(
    gateway: Gateway,
    addresses: dict[str, str],
    request_: ReadRequest[Any],  # Any: of each its own
) -> None:
    async with (
        Client(gateway.url, key=gateway.key) as rest,
        Client(f"grpc://{addresses['ocr_address']}") as rpc,
    ):
        by_rest = await rest.ask(request_, PDF)
        by_rpc = await rpc.ask(request_, PDF)

    assert by_rest == by_rpc
    assert (by_rest.details is not None) is request_.details


async def test_service_is_told_what_to_read(addresses: dict[str, str], stage: Stage) -> None:
    async with Client(f"grpc://{addresses['ocr_address']}") as client:
        await client.ocr(PNG, pages="1", lang="deu", min_confidence=0.25)

    request = stage.calls[-2].request  # the last one is noted once more for its second page
    assert (request.document, request.pages, request.language) == (PNG, "1", "deu")
    assert request.min_confidence == 0  # the text stays whole


async def test_pages_of_a_pdf_are_joined_by_form_feeds(gateway: Gateway) -> None:
    async with Client(gateway.url, key=gateway.key) as client:
        answer = await client.ocr(PDF)

    assert answer.result.text == "Page 1\fPage 2"


async def test_pdf_is_downloaded_over_rest_and_there_over_grpc(
    gateway: Gateway, addresses: dict[str, str]
) -> None:
    async with (
        Client(gateway.url, key=gateway.key) as rest,
        Client(f"grpc://{addresses['ocr_address']}") as rpc,
    ):
        hosted: Answer[HostedPdf] = await rest.ask(PdfRequest(), PNG)
        itself: Answer[HostedPdf] = await rpc.ask(PdfRequest(), PNG)
        files = [await rest.download(hosted), await rpc.download(itself)]

    assert hosted.result.pdf.startswith(f"{gateway.url}/content/documents/")
    assert itself.result.pdf.startswith("data:application/pdf;base64,")
    assert [(file.content, file.media_type) for file in files] == 2 * [(WRITTEN, "application/pdf")]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "Page 1\fPage 2\n"),
        (["--format", "hocr"], f"{WRITTEN.decode()}\n"),
        (["--format", "tsv", "--pages", "1-2"], f"{WRITTEN.decode()}\n"),
    ],
)
async def test_command_prints_the_document(
    run: Run, pdf: Path, options: list[str], text: str
) -> None:
    result = await run("ocr", pdf, *options)

    assert (result.code, result.out) == (0, text)


async def test_command_prints_pages_as_json(run: Run, pdf: Path) -> None:
    result = await run("ocr", pdf, "--format", "json")

    pages = json.loads(result.out)["pages"]
    assert [page["text"] for page in pages] == ["Page 1", "Page 2"]
    assert pages[0]["blocks"][0]["lines"][0]["words"][0]["text"] == "Page"


async def test_pdf_is_named_by_its_url_or_written(run: Run, pdf: Path, tmp_path: Path) -> None:
    named = await run("ocr", pdf, "--format", "pdf")
    written = await run("ocr", pdf, "--format", "pdf", "--output", tmp_path)
    again = await run("ocr", pdf, "--format", "pdf", "--output", tmp_path)

    place = tmp_path / "letter-ocr.pdf"
    assert named.out.startswith("http://127.0.0.1:")
    assert (written.out, place.read_bytes()) == (f"{place}\n", WRITTEN)
    assert "exists; --force writes over it" in again.err
    assert named.err == written.err == ""


async def test_output_is_for_pdf_alone(run: Run, pdf: Path, tmp_path: Path) -> None:
    result = await run("ocr", pdf, "--output", tmp_path)

    assert result.code == 2
    assert "--output needs --format pdf" in result.err


async def test_documents_of_a_folder_are_read_and_not_classified(run: Run, pdf: Path) -> None:
    read = await run("ocr", pdf.parent)
    classified = await run("classify", pdf.parent)

    assert (read.code, read.out) == (0, "Page 1\fPage 2\n")
    assert "nothing to do" in classified.err
