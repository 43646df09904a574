"""What /api/v1/ocr asks the service: a picture at once, a document page by page."""

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from msgspec import UNSET

from gateway import contract, document_contract
from gateway.hosting.hosted import DOCUMENTS_PATH
from gateway.mesh import Mesh
from gateway.requests import answers, document_answers
from gateway.requests.tasks import Task, host
from imagemesh.ocr.v1 import page_pb2
from imagemesh.ocr.v1.ocr_service_pb2 import (
    DocumentPage,
    RecognizeDocumentRequest,
    RecognizeRequest,
)
from servicekit.documents import may_have_pages

OcrTask: TypeAlias = Task[contract.OcrRequest]
Answer: TypeAlias = (
    contract.OcrAnswer
    | document_contract.PagesAnswer
    | document_contract.WrittenAnswer
    | document_contract.PdfAnswer
)

# What the service is asked for; of text and json it sends all in the pages.
_FORMATS: Final = {
    "text": page_pb2.FORMAT_UNSPECIFIED,
    "json": page_pb2.FORMAT_UNSPECIFIED,
    "hocr": page_pb2.FORMAT_HOCR,
    "alto": page_pb2.FORMAT_ALTO,
    "tsv": page_pb2.FORMAT_TSV,
    "pdf": page_pb2.FORMAT_PDF,
}


@dataclass(slots=True)
class _Document:
    """A document that arrives.

    Attributes:
        pages: that were read.
        content: of the document in its format, empty where none was asked for.
        media_type: of `content`.
    """

    pages: list[DocumentPage] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    media_type: str = ""


async def read(mesh: Mesh, task: OcrTask) -> Answer:
    """Return the answer of /api/v1/ocr."""
    request = task.request
    if _is_picture(task):
        response = await task.ask(
            mesh.backends.ocr.Recognize, RecognizeRequest(image=task.image, language=request.lang)
        )
        return answers.recognized(response, url=request.url, min_confidence=request.min_confidence)
    document = await _read_document(mesh, task)
    if request.format == "text":
        return document_answers.text(
            document.pages, url=request.url, min_confidence=request.min_confidence
        )
    if request.format == "json":
        return document_answers.pages(document.pages, url=request.url)
    if request.format != "pdf":
        return document_answers.written(document.pages, text=document.content.decode())
    url = await host(
        mesh,
        task,
        content=bytes(document.content),
        media_type=document.media_type,
        folder=DOCUMENTS_PATH,
    )
    return document_answers.hosted(document.pages, url=url)


def _is_picture(task: OcrTask) -> bool:
    """Tell whether a picture is all that is read, and its text all that is answered."""
    request = task.request
    is_plain = request.format == "text" and request.pages is UNSET
    return is_plain and not may_have_pages(task.image)


async def _read_document(mesh: Mesh, task: OcrTask) -> _Document:
    request = task.request
    message = RecognizeDocumentRequest(
        document=task.image,
        language=request.lang,
        # Plain text stays whole: only its details are without the lines that are less sure.
        min_confidence=0.0 if request.format == "text" else request.min_confidence,
        pages="" if request.pages is UNSET else request.pages,
        format=_FORMATS[request.format],
    )
    document = _Document()
    async with aclosing(task.follow(mesh.backends.ocr.RecognizeDocument, message)) as parts:
        async for part in parts:
            if part.HasField("page"):
                document.pages.append(part.page)
            else:
                document.content += part.document.content
                document.media_type = part.document.media_type
    return document
