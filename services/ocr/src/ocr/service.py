"""The RPC edge of the OCR service: requests in, models in their threads, answers out."""

import asyncio
from collections.abc import Sequence
from functools import partial
from time import monotonic

import grpc

from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.execution import ModelThread
from modelkit.images import ImageLimits, decode_image
from modelkit.loading import ModelSlot
from modelkit.manifest import ModelEntry, load_manifest
from ocr.analysis import Analysis, Analyzer
from ocr.languages import DEFAULT_LANGUAGE, TESSERACT, Language, all_languages, find_language
from ocr.loaders import load_analyzer, load_reader
from ocr.pictures import fit
from ocr.reading import Page, Reader
from ocr.settings import OcrSettings
from ocr.tesseract import PageLine, tesseract_version
from servicekit.errors import InvalidRequest, Unavailable
from servicekit.server import Service

NAME = "imagemesh.ocr.v1.OcrService"
MAX_TEXT_LETTERS = 50_000

_LABELS = {
    "positive": analysis_pb2.SENTIMENT_LABEL_POSITIVE,
    "neutral": analysis_pb2.SENTIMENT_LABEL_NEUTRAL,
    "negative": analysis_pb2.SENTIMENT_LABEL_NEGATIVE,
}


def build_service(settings: OcrSettings, *, entries: Sequence[ModelEntry] | None = None) -> Service:
    """Return the OCR service; nothing is loaded yet.

    Args:
        settings: What the service was told.
        entries: The models it knows; those of its models.toml unless told.
    """
    servicer = _OcrServicer(settings, load_manifest("ocr") if entries is None else entries)
    return Service(
        name=NAME,
        register=partial(rpc.add_OcrServiceServicer_to_server, servicer),
        load=servicer.load,
        close=servicer.close,
    )


class _OcrServicer(rpc.OcrServiceServicer):
    """Pictures are decoded in the reader's thread: those in line are bytes, not pixels."""

    def __init__(self, settings: OcrSettings, entries: Sequence[ModelEntry]) -> None:
        self._settings = settings
        self._entries = entries
        self._limits = ImageLimits(max_pixels=settings.max_image_pixels)
        # No slot: the reader lives on with whichever of its two engines is installed.
        self._reader_thread = ModelThread("reader", max_waiting=settings.max_waiting)
        self._reader: Reader | None = None
        self._analyzer = ModelSlot[Analyzer]("analyzer", max_waiting=settings.max_waiting)

    async def load(self) -> None:
        loading = self._analyzer.load(partial(load_analyzer, self._settings, self._entries))
        reading = self._reader_thread.run(
            load_reader, self._settings, self._entries, timeout_s=None
        )
        self._reader, _ = await asyncio.gather(reading, loading)

    def close(self) -> None:
        self._reader_thread.close()
        self._analyzer.close()
        if self._reader is not None:
            self._reader.close()

    async def Recognize(  # noqa: N802 - the name of the RPC
        self,
        request: pb.RecognizeRequest,
        context: grpc.aio.ServicerContext[pb.RecognizeRequest, pb.RecognizeResponse],
    ) -> pb.RecognizeResponse:
        began_s = monotonic()
        language = find_language(request.language)
        page, size = await self._read(request.image, language, context.time_remaining())
        return pb.RecognizeResponse(
            text=page.text,
            lines=[_line(line) for line in page.lines],
            language=language.code,
            confidence=page.confidence,
            rotation_degrees=page.rotation_degrees,
            size=size,
            model=self._reading_model(page),
            seconds=monotonic() - began_s,
        )

    async def Analyze(  # noqa: N802 - the name of the RPC
        self,
        request: pb.AnalyzeRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeRequest, pb.AnalyzeResponse],
    ) -> pb.AnalyzeResponse:
        began_s = monotonic()
        _ = self._analyzer.loaded  # a missing model is told before seconds go into reading
        english = find_language(DEFAULT_LANGUAGE)
        page, _ = await self._read(request.image, english, context.time_remaining())
        text = page.text[:MAX_TEXT_LETTERS]
        analysis = await self._analyzer.run(
            Analyzer.analyze, text, timeout_s=context.time_remaining()
        )
        return pb.AnalyzeResponse(
            text=page.text,
            analysis=self._analysis(analysis),
            model=self._reading_model(page),
            seconds=monotonic() - began_s,
        )

    async def AnalyzeText(  # noqa: N802 - the name of the RPC
        self,
        request: pb.AnalyzeTextRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeTextRequest, pb.AnalyzeTextResponse],
    ) -> pb.AnalyzeTextResponse:
        began_s = monotonic()
        if not 1 <= len(request.text) <= MAX_TEXT_LETTERS:
            raise InvalidRequest(
                f"text has {len(request.text)} characters; send 1 to {MAX_TEXT_LETTERS}"
            )
        analysis = await self._analyzer.run(
            Analyzer.analyze, request.text, timeout_s=context.time_remaining()
        )
        return pb.AnalyzeTextResponse(
            analysis=self._analysis(analysis),
            model=self._analysis_model(),
            seconds=monotonic() - began_s,
        )

    async def ListLanguages(  # noqa: N802 - the name of the RPC
        self,
        request: pb.ListLanguagesRequest,  # noqa: ARG002 - it has no fields
        context: grpc.aio.ServicerContext[pb.ListLanguagesRequest, pb.ListLanguagesResponse],  # noqa: ARG002
    ) -> pb.ListLanguagesResponse:
        reader = self._loaded_reader()
        return pb.ListLanguagesResponse(
            languages=[
                page_pb2.Language(
                    code=language.code,
                    name=language.name,
                    installed=reader.is_installed(language),
                    engine=reader.engine_of(language),
                    packages=language.packages,
                )
                for language in all_languages().values()
            ]
        )

    async def _read(
        self, content: bytes, language: Language, timeout_s: float | None
    ) -> tuple[Page, image_pb2.Size]:
        reader = self._loaded_reader()
        return await self._reader_thread.run(
            _decode_and_read, reader, content, self._limits, language, timeout_s=timeout_s
        )

    def _loaded_reader(self) -> Reader:
        if self._reader is None:
            raise Unavailable("the reader is being loaded; try again later")
        return self._reader

    def _reading_model(self, page: Page) -> image_pb2.Model:
        if page.engine == TESSERACT:
            return image_pb2.Model(name=TESSERACT, version=tesseract_version(), device="cpu")
        entry = next(entry for entry in self._entries if entry.name == page.engine)
        return image_pb2.Model(name=entry.name, version=entry.version, device="cpu")

    def _analysis_model(self) -> image_pb2.Model:
        loaded = self._analyzer.loaded
        return image_pb2.Model(
            name=loaded.entry.name, version=loaded.entry.version, device=loaded.device
        )

    def _analysis(self, analysis: Analysis) -> analysis_pb2.Analysis:
        sentiment = analysis_pb2.Sentiment()
        if analysis.sentiment is not None:
            sentiment.label = _LABELS[analysis.sentiment.tone]
            sentiment.confidence = analysis.sentiment.confidence
        return analysis_pb2.Analysis(
            summary=analysis.summary,
            sentiment=sentiment,
            tags=analysis.tags,
            language=analysis.language,
            notice=analysis.notice,
            model=self._analysis_model(),
        )


def _decode_and_read(
    reader: Reader, content: bytes, limits: ImageLimits, language: Language
) -> tuple[Page, image_pb2.Size]:
    fitted = fit(decode_image(content, limits).pixels)
    size = image_pb2.Size(width=fitted.original_width, height=fitted.original_height)
    return reader.read(fitted, language), size


def _line(line: PageLine) -> page_pb2.Line:
    corners = [image_pb2.Point(x=float(x), y=float(y)) for x, y in line.corners]
    return page_pb2.Line(text=line.text, confidence=line.confidence, corners=corners)
