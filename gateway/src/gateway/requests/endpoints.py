"""The endpoints: what each asks of the services, and how its answer looks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct, UnsetType

from gateway import contract, document_contract
from gateway.backends import call
from gateway.hosting.hosted import RESULTS_PATH
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests import answers
from gateway.requests.reading import read
from gateway.requests.tasks import Task, host
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeRequest
from imagemesh.ocr.v1.ocr_service_pb2 import (
    AnalyzeRequest,
    AnalyzeTextRequest,
    ListLanguagesRequest,
)
from imagemesh.vision.v1.vision_service_pb2 import (
    ClassifyRequest,
    DetectEmotionsRequest,
    DetectNudityRequest,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One POST endpoint under /api/v1; its functions are typed where they are written.

    Attributes:
        path: full path.
        summary: one sentence for the documentation.
        request: the body's Struct.
        answer: the answer's Struct.
        run: asks the service.
        description: what a caller must know before they use it; empty where that is all.
        other_answers: the Structs of what it answers instead, where the request asks for it.
    """

    path: str
    summary: str
    request: type[Struct]
    answer: type[Struct]
    run: Callable[[Mesh, Any], Awaitable[Any]]  # Any: a Task and an answer of the types above
    description: str = ""
    other_answers: tuple[type[Struct], ...] = ()


async def _colorize(mesh: Mesh, task: Task[contract.ColorizeRequest]) -> contract.ColorizeAnswer:
    lifetime = _lifetime(mesh, task.request)
    response = await task.ask(mesh.backends.colorize.Colorize, ColorizeRequest(image=task.image))
    url = await host(
        mesh,
        task,
        content=response.image,
        media_type=response.media_type,
        folder=RESULTS_PATH,
        lifetime=lifetime,
    )
    return answers.colorized(response, url=url)


def _lifetime(mesh: Mesh, request: contract.ColorizeRequest) -> timedelta:
    """Return how long the result is hosted.

    Raises:
        Problem: 400, longer than the operator hosts anything.
    """
    longest = timedelta(days=mesh.settings.result_days)
    if isinstance(request.expires_in_s, UnsetType):
        return longest
    if request.expires_in_s > longest.total_seconds():
        message = f"parameter 'expires_in_s': expected `int` <= {longest.total_seconds():.0f}"
        raise Problem(400, "invalid_parameter", message)
    return timedelta(seconds=request.expires_in_s)


async def _analyzed_ocr(
    mesh: Mesh, task: Task[contract.AnalyzedOcrRequest]
) -> contract.AnalyzedOcrAnswer:
    response = await task.ask(mesh.backends.ocr.Analyze, AnalyzeRequest(image=task.image))
    return answers.analyzed(response, url=task.request.url)


async def _analyzed_text(
    mesh: Mesh, task: Task[contract.AnalyzedTextRequest]
) -> contract.AnalyzedTextAnswer:
    response = await task.ask(
        mesh.backends.ocr.AnalyzeText, AnalyzeTextRequest(text=task.request.text)
    )
    return answers.analyzed_text(response, text=task.request.text)


async def _emotions(mesh: Mesh, task: Task[contract.EmotionsRequest]) -> contract.EmotionsAnswer:
    response = await task.ask(
        mesh.backends.vision.DetectEmotions,
        DetectEmotionsRequest(image=task.image, limit=task.request.limit),
    )
    return answers.emotions(response, min_confidence=task.request.min_confidence)


async def _classify(mesh: Mesh, task: Task[contract.ClassifyRequest]) -> contract.ClassifyAnswer:
    response = await task.ask(
        mesh.backends.vision.Classify, ClassifyRequest(image=task.image, limit=task.request.limit)
    )
    return answers.classified(response, min_confidence=task.request.min_confidence)


async def _nudity(mesh: Mesh, task: Task[contract.NudityRequest]) -> contract.NudityAnswer:
    response = await task.ask(
        mesh.backends.vision.DetectNudity, DetectNudityRequest(image=task.image)
    )
    return answers.judged(response, url=task.request.url)


async def list_languages(
    mesh: Mesh, *, timeout_s: float, request_id: str
) -> contract.LanguagesAnswer:
    """Return every language code that /api/v1/ocr takes."""
    response = await call(
        mesh.backends.ocr.ListLanguages,
        ListLanguagesRequest(),
        timeout_s=timeout_s,
        request_id=request_id,
    )
    return answers.languages(response)


_ABOUT_EMOTIONS: Final = (
    "The answer is the visible expression of each face as a model sees it, never what a person "
    "feels. It is wrong for a third of the faces of FER2013, where people are no better, and for "
    "more than half of those that show fear or disgust; it was not checked for "
    "age, sex, skin or culture, and the model's card says more. Do not decide anything about "
    "people with it, not in hiring, teaching, policing, lending or care; the European Union "
    "forbids it at work and in schools (AI Act, article 5). Whoever runs the mesh can switch it "
    "off, and limit keys to other endpoints."
)
_ABOUT_COLORIZE: Final = (
    "The colours are a model's guess, not those that were there. The picture's XMP metadata says "
    "so: IPTC digital source type compositeWithTrainedAlgorithmicMedia, and the model's name."
)
_ABOUT_NUDITY: Final = (
    "The answer is a score and a threshold, not a judgement; how often it misses was not measured. "
    "Have a person look before anything is decided about a person."
)

_ABOUT_OCR: Final = (
    "It takes PDF as well, and every page of a TIFF; a PDF is drawn and read like a scan, whether "
    "it has text in it or not. `format` json answers with the pages, their blocks, lines and "
    "words; hocr, alto and tsv with the document as one string; pdf with the URL of a PDF."
)

ENDPOINTS: Final = (
    Endpoint(
        "/api/v1/colorize",
        "Colour a black-and-white photo.",
        contract.ColorizeRequest,
        contract.ColorizeAnswer,
        _colorize,
        _ABOUT_COLORIZE,
    ),
    Endpoint(
        "/api/v1/ocr",
        "Read the text of a picture or a document.",
        contract.OcrRequest,
        contract.OcrAnswer,
        read,
        _ABOUT_OCR,
        (
            document_contract.PagesAnswer,
            document_contract.WrittenAnswer,
            document_contract.PdfAnswer,
        ),
    ),
    Endpoint(
        "/api/v1/analyzed-ocr",
        "Read, summarize, tag and judge the English text of a picture.",
        contract.AnalyzedOcrRequest,
        contract.AnalyzedOcrAnswer,
        _analyzed_ocr,
    ),
    Endpoint(
        "/api/v1/analyzed-text",
        "Summarize, tag and judge an English text.",
        contract.AnalyzedTextRequest,
        contract.AnalyzedTextAnswer,
        _analyzed_text,
    ),
    Endpoint(
        "/api/v1/emotions",
        "Read the visible expressions of the faces in a photo.",
        contract.EmotionsRequest,
        contract.EmotionsAnswer,
        _emotions,
        _ABOUT_EMOTIONS,
    ),
    Endpoint(
        "/api/v1/classify",
        "Name what a photo shows.",
        contract.ClassifyRequest,
        contract.ClassifyAnswer,
        _classify,
    ),
    Endpoint(
        "/api/v1/nudity",
        "Say whether a photo holds nudity.",
        contract.NudityRequest,
        contract.NudityAnswer,
        _nudity,
        _ABOUT_NUDITY,
    ),
)
