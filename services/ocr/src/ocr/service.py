"""The RPC edge of the OCR service: requests in, models in their threads, answers out."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

import grpc

from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.hosting import ModelHost
from modelkit.images import DecodedImage
from modelkit.loading import LoadedModel
from modelkit.manifest import ModelEntry, load_manifest
from ocr.analysis import Analysis, Analyzer
from ocr.asking import DEFAULT_LANGUAGE, find_language, find_languages
from ocr.engines import PageLine
from ocr.languages import TESSERACT, Language, all_languages
from ocr.loaders import PPOCR_TASKS, load_analyzer, load_reader
from ocr.pictures import FittedImage, fit
from ocr.reading import Page, Reader
from ocr.settings import OcrSettings
from ocr.tesseract import tesseract_version
from servicekit.callers import caller_of
from servicekit.errors import InvalidRequest, Unavailable
from servicekit.server import Service

NAME = "imagemesh.ocr.v1.OcrService"
MAX_TEXT_LETTERS = 50_000

# Any: the messages of every RPC.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

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
        load=servicer.host.load,
        close=servicer.close,
        health=servicer.host.health,
        metrics=servicer.host.metrics,
    )


class _OcrServicer(rpc.OcrServiceServicer):
    """Pictures are decoded beside the reader: those in line are bytes, not pixels."""

    def __init__(self, settings: OcrSettings, entries: Sequence[ModelEntry]) -> None:
        self._entries = entries
        self.host = ModelHost(settings)
        # Pages differ too much to be read together, and texts to be analyzed together.
        self._reader = self.host.slot(
            "reader", partial(load_reader, settings, entries), _read_pages, max_batch=1
        )
        self._analyzer = self.host.slot(
            "analyzer", partial(load_analyzer, settings, entries), _analyze_texts, max_batch=1
        )

    def close(self) -> None:
        self.host.close()
        with suppress(Unavailable):  # it was never loaded
            self._reader.loaded.close()

    async def Recognize(  # noqa: N802 - the name of the RPC
        self,
        request: pb.RecognizeRequest,
        context: grpc.aio.ServicerContext[pb.RecognizeRequest, pb.RecognizeResponse],
    ) -> pb.RecognizeResponse:
        began_s = monotonic()
        languages = find_languages(request.language)
        page, size = await self._read(request.image, languages, context)
        return pb.RecognizeResponse(
            text=page.text,
            lines=[_line(line) for line in page.lines],
            language=page.language,
            confidence=page.confidence,
            rotation_degrees=page.rotation_degrees,
            size=size,
            model=self._reading_model(page),
            seconds=monotonic() - began_s,
            route=page.route,
        )

    async def Analyze(  # noqa: N802 - the name of the RPC
        self,
        request: pb.AnalyzeRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeRequest, pb.AnalyzeResponse],
    ) -> pb.AnalyzeResponse:
        began_s = monotonic()
        _ = self._analyzer.loaded  # a missing model is told before seconds go into reading
        english = find_language(DEFAULT_LANGUAGE)
        page, _ = await self._read(request.image, (english,), context)
        text = page.text[:MAX_TEXT_LETTERS]
        analysis = await self._analyze(text, context)
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
        analysis = await self._analyze(request.text, context)
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
        reader = self._reader.loaded
        return pb.ListLanguagesResponse(
            languages=[
                page_pb2.Language(
                    code=language.code,
                    name=language.name,
                    installed=reader.is_installed(language),
                    engine=reader.engine_of(language),
                    packages=language.packages,
                    tag=language.tag,
                    script=language.script,
                    route=language.route,
                    error_rate=language.error_rate,
                    photo_error_rate=language.photo_error_rate,
                )
                for language in all_languages().values()
            ]
        )

    async def ListModels(  # noqa: N802 - as above
        self,
        request: pb.ListModelsRequest,  # noqa: ARG002 - it has no fields
        context: grpc.aio.ServicerContext[pb.ListModelsRequest, pb.ListModelsResponse],  # noqa: ARG002
    ) -> pb.ListModelsResponse:
        in_use = self.host.in_use()
        if self._reader.is_loaded and self._reader.loaded.has_ppocr:
            in_use |= {entry.name: "cpu" for entry in self._entries if entry.task in PPOCR_TASKS}
        return pb.ListModelsResponse(
            models=[
                image_pb2.ModelInfo(
                    model=_named(entry, in_use.get(entry.name, "")), **entry.public()
                )
                for entry in self._entries
            ]
        )

    async def _read(
        self, content: bytes, languages: tuple[Language, ...], context: Context
    ) -> tuple[Page, image_pb2.Size]:
        async def work(_: Reader) -> tuple[Page, image_pb2.Size]:
            async with self.host.decoder.opened(content, _fit) as fitted:
                page = await self._reader.answer((fitted, languages))
            return page, image_pb2.Size(width=fitted.original_width, height=fitted.original_height)

        return await self._reader.serve(
            work, caller=caller_of(context), timeout_s=context.time_remaining()
        )

    async def _analyze(self, text: str, context: Context) -> Analysis:
        async def work(_: LoadedModel[Analyzer]) -> Analysis:
            return await self._analyzer.answer(text)

        return await self._analyzer.serve(
            work, caller=caller_of(context), timeout_s=context.time_remaining()
        )

    def _reading_model(self, page: Page) -> image_pb2.Model:
        if page.engine == TESSERACT:
            return image_pb2.Model(name=TESSERACT, version=tesseract_version(), device="cpu")
        entry = next(entry for entry in self._entries if entry.name == page.engine)
        return _named(entry, "cpu")

    def _analysis_model(self) -> image_pb2.Model:
        loaded = self._analyzer.loaded
        return _named(loaded.entry, loaded.device)

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


def _named(entry: ModelEntry, device: str) -> image_pb2.Model:
    return image_pb2.Model(name=entry.name, version=entry.version, device=device)


def _fit(decoded: DecodedImage) -> FittedImage:
    return fit(decoded.pixels)


def _read_pages(
    reader: Reader, pages: Sequence[tuple[FittedImage, tuple[Language, ...]]]
) -> list[Page]:
    return [reader.read(fitted, *languages) for fitted, languages in pages]


def _analyze_texts(loaded: LoadedModel[Analyzer], texts: Sequence[str]) -> list[Analysis]:
    return [loaded.model.analyze(text) for text in texts]


def _line(line: PageLine) -> page_pb2.Line:
    corners = [image_pb2.Point(x=float(x), y=float(y)) for x, y in line.corners]
    return page_pb2.Line(text=line.text, confidence=line.confidence, corners=corners)
