"""The endpoints: what each asks of the services, and how its answer looks."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import grpc
from msgspec import Struct, UnsetType

from gateway import contract
from gateway.backends import call
from gateway.hosting.hosted import RESULTS_PATH
from gateway.mesh import Mesh
from gateway.problems import Problem
from gateway.requests import answers
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeRequest
from imagemesh.ocr.v1.ocr_service_pb2 import (
    AnalyzeRequest,
    AnalyzeTextRequest,
    ListLanguagesRequest,
    RecognizeRequest,
)
from imagemesh.vision.v1.vision_service_pb2 import (
    ClassifyRequest,
    DetectEmotionsRequest,
    DetectNudityRequest,
)

RequestT = TypeVar("RequestT", bound=Struct)
MessageT = TypeVar("MessageT")
ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class Task(Generic[RequestT]):
    """One request that has passed every check.

    Attributes:
        request: the parsed body.
        image: the encoded picture; empty where the request names none.
        image_name: file name in the picture's URL.
        account: who pays.
        request_id: travels to the services and into every log line.
        deadline_s: when the answer is due, on the monotonic clock.
        base_url: what the URLs of hosted results begin with, without a slash at the end.
    """

    request: RequestT
    image: bytes
    image_name: str
    account: str
    request_id: str
    deadline_s: float
    base_url: str

    def remaining_s(self) -> float:
        """Return the time left, in seconds.

        Raises:
            Problem: 504, there is none.
        """
        remaining_s = self.deadline_s - monotonic()
        if remaining_s <= 0:
            raise Problem(504, "deadline_exceeded", "the request took too long")
        return remaining_s

    async def ask(
        self, rpc: grpc.aio.UnaryUnaryMultiCallable[MessageT, ResponseT], message: MessageT
    ) -> ResponseT:
        """Return the answer of `rpc` in the time that is left, or raise its Problem."""
        return await call(
            rpc,
            message,
            timeout_s=self.remaining_s(),
            request_id=self.request_id,
            caller=self.account,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One POST endpoint under /api/v1; its functions are typed where they are written.

    Attributes:
        path: full path.
        summary: one sentence for the documentation.
        description: what a caller must know before they use it; empty where that is all.
        request: the body's Struct.
        answer: the answer's Struct.
        run: asks the service.
    """

    path: str
    summary: str
    request: type[Struct]
    answer: type[Struct]
    run: Callable[[Mesh, Any], Awaitable[Any]]  # Any: a Task and an answer of the types above
    description: str = ""


async def _colorize(mesh: Mesh, task: Task[contract.ColorizeRequest]) -> contract.ColorizeAnswer:
    lifetime = _lifetime(mesh, task.request)
    response = await task.ask(mesh.backends.colorize.Colorize, ColorizeRequest(image=task.image))
    if mesh.settings.zero_retention:
        content = b64encode(response.image).decode()
        return answers.colorized(response, url=f"data:{response.media_type};base64,{content}")
    name = await mesh.results.save(
        response.image,
        account=task.account,
        media_type=response.media_type,
        original_name=task.image_name,
        lifetime=lifetime,
    )
    return answers.colorized(response, url=f"{task.base_url}{RESULTS_PATH}/{name}")


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


async def _ocr(mesh: Mesh, task: Task[contract.OcrRequest]) -> contract.OcrAnswer:
    response = await task.ask(
        mesh.backends.ocr.Recognize, RecognizeRequest(image=task.image, language=task.request.lang)
    )
    return answers.recognized(
        response, url=task.request.url, min_confidence=task.request.min_confidence
    )


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
        "Read the text of a picture.",
        contract.OcrRequest,
        contract.OcrAnswer,
        _ocr,
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
