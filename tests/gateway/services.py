"""Hand-written services: real gRPC servers whose answers are the seed's and whose faults are asked.

What follows `IMAGE` in the bytes of an image, or a whole text, is a word that `Stage` knows.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from imagemesh.colorize.v1 import colorize_service_pb2 as colorize_pb
from imagemesh.colorize.v1 import colorize_service_pb2_grpc as colorize_rpc
from imagemesh.image.v1.image_pb2 import Box, Model, ModelInfo, Point, Size
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as ocr_pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as ocr_rpc
from imagemesh.vision.v1 import vision_service_pb2 as vision_pb
from imagemesh.vision.v1 import vision_service_pb2_grpc as vision_rpc
from servicekit.errors import LanguageNotInstalled, MeshError, UnsupportedLanguage
from servicekit.server import Service, serving
from servicekit.settings import ServiceSettings
from tests.gateway.origin import IMAGE
from tests.gateway.stage import Context, Stage

NO_FACE: Final = b"no face"
NOT_ENGLISH: Final = b"not english"
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


@dataclass(frozen=True, slots=True)
class Colorize(colorize_rpc.ColorizeServiceServicer):
    """Answers every image with the same colored one."""

    stage: Stage

    async def Colorize(  # noqa: N802 - the name of the RPC
        self, request: colorize_pb.ColorizeRequest, context: Context
    ) -> colorize_pb.ColorizeResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=_word(request.image))
        return colorize_pb.ColorizeResponse(
            image=COLORED,
            media_type="image/jpeg",
            size=SIZE,
            already_coloured=True,
            model=MODEL,
            seconds=SECONDS,
        )

    async def ListModels(  # noqa: N802 - the name of the RPC
        self, request: colorize_pb.ListModelsRequest, context: Context
    ) -> colorize_pb.ListModelsResponse:
        """Answer with the one model."""
        await self.stage.play(request, context, word=b"")
        return colorize_pb.ListModelsResponse(models=[model_info("colorize")])


@dataclass(frozen=True, slots=True)
class Ocr(ocr_rpc.OcrServiceServicer):
    """Reads the seed's text in every image."""

    stage: Stage

    async def Recognize(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.RecognizeRequest, context: Context
    ) -> ocr_pb.RecognizeResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=_word(request.image))
        if request.language in LANGUAGE_FAULTS:
            raise LANGUAGE_FAULTS[request.language](f"{request.language}: apt install it")
        read = _read("Extracted text will appear here.")
        read.language = request.language
        if _word(request.image) == DOUBTFUL:
            read.warnings.append(WARNING)
        return read

    async def RecognizeDocument(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.RecognizeDocumentRequest, context: Context
    ) -> AsyncIterator[ocr_pb.RecognizeDocumentResponse]:
        """Answer with two pages, then the document in two pieces where it has a format."""
        await self.stage.play(request, context, word=b"")
        for number in (1, 2):
            page = ocr_pb.DocumentPage(
                number=number, page_count=3, read=_read(f"Page {number}"), dots_per_inch=250
            )
            if request.document.endswith(DOUBTFUL) and number > 1:
                page.read.warnings.append(WARNING)
            yield ocr_pb.RecognizeDocumentResponse(page=page)
            await self.stage.play(request, context, word=request.document.partition(b"|")[2])
        if request.format:
            media_type = MEDIA_TYPES[request.format]
            for piece in (WRITTEN[:5], WRITTEN[5:]):
                document = page_pb2.Document(content=piece, media_type=media_type)
                yield ocr_pb.RecognizeDocumentResponse(document=document)

    async def Analyze(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.AnalyzeRequest, context: Context
    ) -> ocr_pb.AnalyzeResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=_word(request.image))
        is_doubtful = request.image.endswith(DOUBTFUL)
        return ocr_pb.AnalyzeResponse(
            page_count=3 if request.image.startswith(b"%PDF-") else 1,
            warnings=[ocr_pb.PageWarning(number=2, warning=WARNING)] if is_doubtful else [],
            text="Full version of the extracted text will appear here",
            analysis=_analysis(_word(request.image)),
            model=MODEL,
            seconds=SECONDS,
        )

    async def AnalyzeText(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.AnalyzeTextRequest, context: Context
    ) -> ocr_pb.AnalyzeTextResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=request.text.encode())
        analysis = _analysis(request.text.encode())
        return ocr_pb.AnalyzeTextResponse(analysis=analysis, model=MODEL, seconds=SECONDS)

    async def ListLanguages(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.ListLanguagesRequest, context: Context
    ) -> ocr_pb.ListLanguagesResponse:
        """Answer with one language of each kind."""
        await self.stage.play(request, context, word=b"")
        return ocr_pb.ListLanguagesResponse(
            languages=[
                page_pb2.Language(
                    code="eng",
                    name="English",
                    installed=True,
                    engine="pp-ocrv6-small",
                    tag="en",
                    script="Latn",
                    route="pp-ocr-lines",
                    photo_error_rate=0.25,
                ),
                page_pb2.Language(
                    code="tir",
                    name="Tigrinya",
                    installed=False,
                    engine="tesseract",
                    packages=["tesseract-ocr-tir"],
                    tag="ti",
                    script="Ethi",
                    route="tesseract-lines",
                    error_rate=0.5,
                ),
            ]
        )

    async def ListModels(  # noqa: N802 - the name of the RPC
        self, request: ocr_pb.ListModelsRequest, context: Context
    ) -> ocr_pb.ListModelsResponse:
        """Answer with the model of one task."""
        await self.stage.play(request, context, word=b"")
        return ocr_pb.ListModelsResponse(models=[model_info("read-text")])


@dataclass(frozen=True, slots=True)
class Vision(vision_rpc.VisionServiceServicer):
    """Sees the seed's face, labels and nudity in every image."""

    stage: Stage

    async def Classify(  # noqa: N802 - the name of the RPC
        self, request: vision_pb.ClassifyRequest, context: Context
    ) -> vision_pb.ClassifyResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=_word(request.image))
        labels = [vision_pb.Label(tag=tag, confidence=value) for tag, value in _LABELS]
        return vision_pb.ClassifyResponse(
            labels=labels[: request.limit], model=MODEL, seconds=SECONDS
        )

    async def DetectFaces(  # noqa: N802 - the name of the RPC
        self, request: vision_pb.DetectFacesRequest, context: Context
    ) -> vision_pb.DetectFacesResponse:
        """Answer as the class says."""
        word = _word(request.image)
        await self.stage.play(request, context, word=word)
        boxes = [] if word == NO_FACE else [Box(top=43, bottom=266, left=68, right=291)]
        return vision_pb.DetectFacesResponse(boxes=boxes, model=MODEL, seconds=SECONDS)

    async def DetectEmotions(  # noqa: N802 - the name of the RPC
        self, request: vision_pb.DetectEmotionsRequest, context: Context
    ) -> vision_pb.DetectEmotionsResponse:
        """Answer as the class says."""
        word = _word(request.image)
        await self.stage.play(request, context, word=word)
        emotions = [vision_pb.Emotion(name=name, confidence=value) for name, value in _EMOTIONS]
        face = vision_pb.Face(
            box=Box(top=43, bottom=266, left=68, right=291), emotions=emotions[: request.limit]
        )
        return vision_pb.DetectEmotionsResponse(
            faces=[] if word == NO_FACE else [face],
            model=MODEL,
            face_model=MODEL,
            seconds=SECONDS,
        )

    async def DetectNudity(  # noqa: N802 - the name of the RPC
        self, request: vision_pb.DetectNudityRequest, context: Context
    ) -> vision_pb.DetectNudityResponse:
        """Answer as the class says."""
        await self.stage.play(request, context, word=_word(request.image))
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

    async def ListModels(  # noqa: N802 - the name of the RPC
        self, request: vision_pb.ListModelsRequest, context: Context
    ) -> vision_pb.ListModelsResponse:
        """Answer with a model that is in use and one that is not."""
        await self.stage.play(request, context, word=b"")
        better = model_info("classify", model=Model(name="better", version="2"))
        return vision_pb.ListModelsResponse(models=[model_info("classify"), better])


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


def services_of(stage: Stage) -> dict[str, Service]:
    """Return the three services by the short name that the gateway has for them."""
    colorize, ocr, vision = Colorize(stage), Ocr(stage), Vision(stage)
    registers = {
        "colorize": lambda server: colorize_rpc.add_ColorizeServiceServicer_to_server(
            colorize, server
        ),
        "ocr": lambda server: ocr_rpc.add_OcrServiceServicer_to_server(ocr, server),
        "vision": lambda server: vision_rpc.add_VisionServiceServicer_to_server(vision, server),
    }
    return {
        name: Service(f"imagemesh.{name}.v1.{name.title()}Service", register, _load, lambda: None)
        for name, register in registers.items()
    }


def service_settings(*, port: int = 0, traced_to: str = "") -> ServiceSettings:
    """Return settings of a service that drains at once."""
    return ServiceSettings(port=port, metrics_port=0, drain_s=0, otlp_endpoint=traced_to)


async def _load() -> None:
    """Nothing is loaded."""


def _word(image: bytes) -> bytes:
    return image.removeprefix(IMAGE)


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
        return analysis_pb2.Analysis(language="de", notice=notice, model=MODEL)
    return analysis_pb2.Analysis(
        summary="Summary of text will appear here",
        sentiment=analysis_pb2.Sentiment(
            label=analysis_pb2.SENTIMENT_LABEL_POSITIVE, confidence=0.87191122770309
        ),
        tags=["Marketing", "Business", "Cover Letter"],
        language="en",
        model=MODEL,
    )
