"""Hand-written services: real gRPC servers whose answers are the seed's and whose faults are asked.

What follows `IMAGE` in the bytes of an image, or a whole text, is a word that `Stage` knows.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.image.v1.image_pb2 import Box, Model, ModelInfo, Point, Size
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from servicekit.errors import LanguageNotInstalled, MeshError, UnsupportedLanguage
from servicekit.server import Service, serving
from servicekit.settings import ServiceSettings
from tests.gateway.origin import IMAGE
from tests.gateway.stage import Context, Stage

NO_FACE: Final = b"no face"
NOT_ENGLISH: Final = b"not english"
UNHEARD_OF: Final = b"unheard of"  # an answer that no gateway understands
DOUBTFUL: Final = b"doubtful"
WARNING: Final = page_pb2.Warning(code="small_letters", message="send the image larger")

LANGUAGE_FAULTS: Final[dict[str, type[MeshError]]] = {
    "xxx": UnsupportedLanguage,
    "tir": LanguageNotInstalled,
}

COLORED: Final = b"\xff\xd8\xff\xe0 a colored image \xff\xd9"
WRITTEN: Final = b"written down in pieces"
MEDIA_TYPES: Final = {
    page_pb2.FORMAT_HOCR: "application/xhtml+xml",
    page_pb2.FORMAT_ALTO: "application/xml",
    page_pb2.FORMAT_TSV: "text/tab-separated-values",
    page_pb2.FORMAT_PDF: "application/pdf",
}
MODEL: Final = Model(name="by-hand", version="1.2.3", device="cpu", provider="hand")
SECONDS: Final = 0.25
_BOX: Final = Box(top=43, bottom=266, left=68, right=291)
SIZE: Final = Size(width=640, height=480)

# The emotions and labels of the seed's examples, then those that its limits leave out.
_EMOTIONS: Final = (
    ("Neutral", 0.3957436),
    ("Happy", 0.2977428),
    ("Fear", 0.1349366),
    ("Disgust", 0.1311134),
    ("Sad", 0.0243831),
    ("Angry", 0.01),
    ("Surprise", 0.001),
)
_LABELS: Final = (
    ("baseball", 0.98731774091721),
    ("ballplayer, baseball player", 0.012508379295468),
    ("partridge", 0.000022209002054296),
    ("ruffed grouse, partridge, Bonasa umbellus", 0.0000041196412894351),
    ("scoreboard", 0.0000029124785214663),
    ("umbrella", 0.000001),
    ("racket", 0.0000001),
)


def _colorize(_: colorize_pb.ColorizeRequest, __: bytes) -> colorize_pb.ColorizeResponse:
    return colorize_pb.ColorizeResponse(
        image=COLORED,
        media_type="image/jpeg",
        size=SIZE,
        already_colored=True,
        model=MODEL,
        seconds=SECONDS,
    )


def _recognize(request: ocr_pb.RecognizeRequest, word: bytes) -> ocr_pb.RecognizeResponse:
    if request.language in LANGUAGE_FAULTS:
        raise LANGUAGE_FAULTS[request.language](f"{request.language}: apt install it")
    read = _read("Extracted text will appear here.")
    read.language = request.language
    if word == DOUBTFUL:
        read.warnings.append(WARNING)
    return read


def _analyze(request: ocr_pb.AnalyzeRequest, word: bytes) -> ocr_pb.AnalyzeResponse:
    is_doubtful = request.image.endswith(DOUBTFUL)
    return ocr_pb.AnalyzeResponse(
        page_count=3 if request.image.startswith(b"%PDF-") else 1,
        warnings=[ocr_pb.PageWarning(number=2, warning=WARNING)] if is_doubtful else [],
        text="Full version of the extracted text will appear here",
        analysis=_analysis(word),
        model=MODEL,
        seconds=SECONDS,
    )


def _analyze_text(_: ocr_pb.AnalyzeTextRequest, word: bytes) -> ocr_pb.AnalyzeTextResponse:
    return ocr_pb.AnalyzeTextResponse(analysis=_analysis(word), model=MODEL, seconds=SECONDS)


def _list_languages(_: ocr_pb.ListLanguagesRequest, __: bytes) -> ocr_pb.ListLanguagesResponse:
    installed = page_pb2.Language(
        code="eng",
        name="English",
        installed=True,
        engine="pp-ocrv6-small",
        tag="en",
        script="Latn",
        route="pp-ocr-lines",
        photo_error_rate=0.25,
    )
    missing = page_pb2.Language(
        code="tir",
        name="Tigrinya",
        engine="tesseract",
        packages=["tesseract-ocr-tir"],
        tag="ti",
        script="Ethi",
        route="tesseract-lines",
        error_rate=0.5,
    )
    return ocr_pb.ListLanguagesResponse(languages=[installed, missing])


def _classify(request: vision_pb.ClassifyRequest, _: bytes) -> vision_pb.ClassifyResponse:
    labels = [vision_pb.Label(tag=tag, confidence=value) for tag, value in _LABELS]
    return vision_pb.ClassifyResponse(labels=labels[: request.limit], model=MODEL, seconds=SECONDS)


def _detect_emotions(
    request: vision_pb.DetectEmotionsRequest, word: bytes
) -> vision_pb.DetectEmotionsResponse:
    emotions = [vision_pb.Emotion(name=name, confidence=value) for name, value in _EMOTIONS]
    face = vision_pb.Face(box=_BOX, emotions=emotions[: request.limit])
    return vision_pb.DetectEmotionsResponse(
        faces=[] if word == NO_FACE else [face], model=MODEL, face_model=MODEL, seconds=SECONDS
    )


def _detect_nudity(
    request: vision_pb.DetectNudityRequest, _: bytes
) -> vision_pb.DetectNudityResponse:
    return vision_pb.DetectNudityResponse(
        is_nude=True,
        confidence=0.99999999,
        threshold=0.8,
        model=MODEL,
        seconds=SECONDS,
        policy=request.policy or "default",
        severity=vision_pb.SEVERITY_EXPLICIT,
        classes=[vision_pb.NudityClass(name="porn", confidence=0.75)],
    )


async def _recognize_document(
    request: ocr_pb.RecognizeDocumentRequest, context: Context, stage: Stage
) -> AsyncIterator[ocr_pb.RecognizeDocumentResponse]:
    """Answer with two pages, then the document in two pieces where it has a format."""
    await stage.play(request, context, word=b"")
    for number in (1, 2):
        page = ocr_pb.DocumentPage(
            number=number, page_count=3, read=_read(f"Page {number}"), dots_per_inch=250
        )
        if request.document.endswith(DOUBTFUL) and number > 1:
            page.read.warnings.append(WARNING)
        yield ocr_pb.RecognizeDocumentResponse(page=page)
        await stage.play(request, context, word=request.document.partition(b"|")[2])
    if request.format:
        media_type = MEDIA_TYPES[request.format]
        for piece in (WRITTEN[:5], WRITTEN[5:]):
            document = page_pb2.Document(content=piece, media_type=media_type)
            yield ocr_pb.RecognizeDocumentResponse(document=document)


def model_info(task: str, *, model: Model = MODEL) -> ModelInfo:
    """Return what a service says of a model."""
    return ModelInfo(
        model=model,
        task=task,
        profile="embedded",
        licence="Apache-2.0",
        source="written by hand",
        card="README.md",
    )


_ANSWERS: dict[str, Callable[[Any, bytes], Message]] = {  # Any: a request of any RPC
    "Colorize": _colorize,
    "Recognize": _recognize,
    "Analyze": _analyze,
    "AnalyzeText": _analyze_text,
    "ListLanguages": _list_languages,
    "Classify": _classify,
    "DetectEmotions": _detect_emotions,
    "DetectNudity": _detect_nudity,
}
# Of vision's, one is in use and one is not.
_MODELS: Final = {
    "colorize": colorize_pb.ListModelsResponse(models=[model_info("colorize")]),
    "ocr": ocr_pb.ListModelsResponse(models=[model_info("read-text")]),
    "vision": vision_pb.ListModelsResponse(
        models=[
            model_info("classify"),
            model_info("classify", model=Model(name="better", version="2")),
        ]
    ),
}


def services_of(stage: Stage) -> dict[str, Service]:
    """Return the three services by the short name that the gateway has for them."""
    modules = {"colorize": colorize_pb, "ocr": ocr_pb, "vision": vision_pb}
    return {name: _service(name, module, stage) for name, module in modules.items()}


def _service(name: str, module: Any, stage: Stage) -> Service:  # Any: generated modules
    (descriptor,) = module.DESCRIPTOR.services_by_name.values()
    handlers = {
        method.name: _handler(
            method, stage, _ANSWERS.get(method.name, partial(_usual, name, method))
        )
        for method in descriptor.methods
    }

    def register(server: grpc.aio.Server) -> None:
        handler = grpc.method_handlers_generic_handler(descriptor.full_name, handlers)
        server.add_generic_rpc_handlers((handler,))

    return Service(descriptor.full_name, register, _load, lambda: None)


def _usual(name: str, method: MethodDescriptor, *_: object) -> Message:
    """Return the models of a service, and an example to RPCs that need no answer of their own."""
    if method.name == "ListModels":
        return _MODELS[name]
    example: Message = _example(GetMessageClass(method.output_type)())
    return example


def _example(message: Any) -> Any:  # Any: fields differ from message to message
    """Fill a message: one of everything that repeats, and numbers that count its fields."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        is_many = hasattr(value, "append")
        if field.message_type is not None:
            _example(value.add() if is_many else value)
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, field.name)
        elif field.type != field.TYPE_ENUM and not is_many:
            setattr(message, field.name, field.number)
    return message


def _handler(
    method: MethodDescriptor, stage: Stage, answer: Callable[[Any, bytes], Message]
) -> "grpc.RpcMethodHandler[Any, Any]":  # Any: the messages of any RPC
    """Return what notes a call, fails or waits as its word says, and answers."""

    async def unary(request: Any, context: Context) -> Message:  # Any: as above
        word = _word(request)
        await stage.play(request, context, word=word)
        return answer(request, word)

    def stream(request: Any, context: Context) -> AsyncIterator[Message]:  # Any: as above
        return _recognize_document(request, context, stage)

    codec: Any = {  # Any: the stubs know only synchronous handlers
        "request_deserializer": GetMessageClass(method.input_type).FromString,
        "response_serializer": GetMessageClass(method.output_type).SerializeToString,
    }
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, **codec)
    behavior: Any = unary  # Any: as above
    return grpc.unary_unary_rpc_method_handler(behavior, **codec)


def _word(request: Any) -> bytes:  # Any: a request of any RPC
    if hasattr(request, "text"):
        return str(request.text).encode()
    return bytes(getattr(request, "image", b"")).removeprefix(IMAGE)


@asynccontextmanager
async def serving_all(stage: Stage, *, traced_to: str = "") -> AsyncIterator[dict[str, str]]:
    """Serve the three services and yield their addresses as settings of the gateway."""
    settings = service_settings(traced_to=traced_to)
    async with AsyncExitStack() as stack:
        addresses = {}
        for name, service in services_of(stage).items():
            port = await stack.enter_async_context(serving(service, settings))
            addresses[f"{name}_address"] = f"127.0.0.1:{port}"
        yield addresses


def service_settings(*, port: int = 0, traced_to: str = "") -> ServiceSettings:
    """Return settings of a service that drains at once."""
    return ServiceSettings(port=port, metrics_port=0, drain_s=0, otlp_endpoint=traced_to)


async def _load() -> None:
    """Nothing is loaded."""


def _read(text: str) -> ocr_pb.RecognizeResponse:
    corners = [Point(x=x, y=y) for x, y in ((1, 2), (9, 2), (9, 4), (1, 4.5))]
    words = [page_pb2.Word(text=word, confidence=0.5, corners=corners) for word in text.split()]
    line = page_pb2.Line(
        text=text,
        confidence=0.75,
        corners=corners,
        words=words,
        block=0,
        script="Latn",
        language="eng",
    )
    return ocr_pb.RecognizeResponse(
        text=text,
        lines=[line],
        blocks=[page_pb2.Block(corners=corners)],
        language="eng",
        confidence=0.75,
        rotation_degrees=90,
        skew_degrees=1.5,
        size=SIZE,
        model=MODEL,
        seconds=SECONDS,
        route="pp-ocr-lines",
    )


def _analysis(word: bytes) -> analysis_pb2.Analysis:
    if word == NOT_ENGLISH:
        notice = "the text looks like German (de); only English is analyzed"
        found = analysis_pb2.Analysis(language="de", notice=notice)
    elif word == UNHEARD_OF:
        unknown: Any = 99  # Any: no label, as of a newer service
        found = analysis_pb2.Analysis(sentiment=analysis_pb2.Sentiment(label=unknown))
    else:
        found = analysis_pb2.Analysis(
            summary="Summary of text will appear here",
            sentiment=analysis_pb2.Sentiment(
                label=analysis_pb2.SENTIMENT_LABEL_POSITIVE, confidence=0.87191122770309
            ),
            tags=["Marketing", "Business", "Cover Letter"],
            language="en",
        )
    for model in (found.model, found.summary_model, found.sentiment_model):
        model.CopyFrom(MODEL)
    return found
