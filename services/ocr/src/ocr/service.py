"""The RPC edge of the OCR service: requests in, models in their threads, answers out."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TypeAlias

from google.protobuf.json_format import ParseDict
from pypdfium2.version import PYPDFIUM_INFO  # type: ignore[import-untyped]  # no py.typed

from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from imagemesh.ocr.v1 import ocr_service_pb2_grpc as rpc
from modelkit.decoding import DECODE_THREADS
from modelkit.hosting import ModelHost
from modelkit.loading import LoadedModel, ModelSlot
from modelkit.manifest import ModelEntry, load_manifest
from ocr.abstractive import AbstractiveSummarizer
from ocr.analysis import Analysis, Analyzer
from ocr.asking import DEFAULT_LANGUAGE, find_language, find_languages
from ocr.documents import Documents
from ocr.formats import PrintedPage
from ocr.isolated import IsolatedModule
from ocr.languages import TESSERACT, Language, all_languages
from ocr.loaders import (
    SUMMARIZER_TASKS,
    has_summarizer,
    load_analyzer,
    load_reader,
    load_summarizer,
)
from ocr.messages import FORMATS, analyzed, described, page_warnings, pieces_of, recognized
from ocr.page_numbers import choose_pages
from ocr.pages import PageOrder, PageReader
from ocr.preparation import FittedImage
from ocr.reading import Page, Reader
from ocr.settings import OcrSettings
from ocr.tesseract import tesseract_version
from ocr.text_layer import TEXT_LAYER
from ocr.writing import DocumentWriter
from servicekit.callers import caller_of
from servicekit.errors import InvalidRequest, ModelNotInstalled
from servicekit.interceptors import Context
from servicekit.server import Service

SummarizerSlot: TypeAlias = ModelSlot[LoadedModel[AbstractiveSummarizer], str, str]

NAME = "imagemesh.ocr.v1.OcrService"
MAX_TEXT_LETTERS = 50_000
AMENDING_S = 30.0  # longest time to add text to a PDF
PAGE_BREAK = "\f"  # between the texts of two pages, as pdftotext has it


def build_service(settings: OcrSettings, *, entries: Sequence[ModelEntry] | None = None) -> Service:
    """Return the OCR service; nothing is loaded yet.

    Args:
        settings: Of the service.
        entries: Its manifest; that of the package unless given.
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
    """Servicer; images are decoded outside of the queue, which holds bytes, not pixels."""

    def __init__(self, settings: OcrSettings, entries: Sequence[ModelEntry]) -> None:
        self._entries = entries
        self._max_pages = settings.max_pages
        self.host = ModelHost(settings)
        documents = Documents(
            self.host.decoder,
            max_pixels=settings.max_image_pixels,
            drawings=DECODE_THREADS,
        )
        self._amending = IsolatedModule("ocr.amending", at_once=DECODE_THREADS, within_s=AMENDING_S)
        # Pages differ too much to be read together, and texts to be analyzed together.
        self._reader = self.host.slot(
            "reader", partial(load_reader, settings, entries), _read_pages
        )
        self._pages = PageReader(self._reader, documents)
        self._analyzer = self.host.slot(
            "analyzer", partial(load_analyzer, settings, entries), _analyze_texts
        )
        # A slot of its own: a summary takes seconds, an analysis does not.
        self._summarizer: SummarizerSlot | None = None
        if has_summarizer(settings, entries):
            self._summarizer = self.host.slot(
                "summarizer", partial(load_summarizer, settings, entries), _summarize_texts
            )

    def close(self) -> None:
        self.host.close()
        if self._reader.is_loaded:
            self._reader.loaded.model.close()

    async def Recognize(
        self, request: pb.RecognizeRequest, context: Context
    ) -> pb.RecognizeResponse:
        order = _order(request, context, with_jpeg=False)
        return self._recognized(await self._pages.read_image(request.image, order))

    async def RecognizeDocument(
        self, request: pb.RecognizeDocumentRequest, context: Context
    ) -> AsyncGenerator[pb.RecognizeDocumentResponse, None]:
        if request.format not in FORMATS:
            raise InvalidRequest(f"format {request.format} is not known")
        is_pdf = request.format == page_pb2.FORMAT_PDF
        if request.text_layer not in pb.TextLayer.values():
            raise InvalidRequest(f"text_layer {request.text_layer} is not known")
        is_ignored = request.text_layer == pb.TEXT_LAYER_IGNORE
        order = replace(_order(request, context, with_jpeg=is_pdf), with_layer=not is_ignored)
        document = await self._pages.open(request.document, order)
        count = document.page_count
        numbers = choose_pages(request.pages, page_count=count, most=self._max_pages)
        written = DocumentWriter(
            FORMATS[request.format], document, numbers, with_layer=not is_ignored
        )
        async with aclosing(self._pages.read_all(document, numbers, order)) as pages:
            async for read in pages:
                printed = written.add(read)
                page = pb.DocumentPage(
                    number=printed.number,
                    page_count=count,
                    read=self._recognized(printed),
                    dots_per_inch=printed.dots_per_inch,
                    vertical_dots_per_inch=printed.vertical_dots_per_inch,
                )
                yield pb.RecognizeDocumentResponse(page=page)
        if written.format_name is not None:
            for piece in pieces_of(await written.write(self._amending, self.host.decoder)):
                yield pb.RecognizeDocumentResponse(document=piece)

    async def Analyze(self, request: pb.AnalyzeRequest, context: Context) -> pb.AnalyzeResponse:
        began_s = monotonic()
        summarizer = self._summarizer_of(request.summary)  # before the image is read
        english = find_language(DEFAULT_LANGUAGE)
        order = PageOrder(languages=(english,), caller=caller_of(context))
        document = await self._pages.open(request.image, order)
        count = document.page_count
        numbers = choose_pages(request.pages, page_count=count, most=self._max_pages)
        async with aclosing(self._pages.read_all(document, numbers, order)) as pages:
            read = [printed async for printed in pages]
        text = PAGE_BREAK.join(each.page.text for each in read)
        return pb.AnalyzeResponse(
            text=text,
            analysis=await self._analyze(text[:MAX_TEXT_LETTERS], summarizer, context),
            model=self._reading_model(read[0].page),
            seconds=monotonic() - began_s,
            page_count=count,
            warnings=[warning for each in read for warning in page_warnings(each)],
        )

    async def AnalyzeText(
        self, request: pb.AnalyzeTextRequest, context: Context
    ) -> pb.AnalyzeTextResponse:
        began_s = monotonic()
        if not 1 <= len(request.text) <= MAX_TEXT_LETTERS:
            raise InvalidRequest(
                f"text has {len(request.text)} characters; send 1 to {MAX_TEXT_LETTERS}"
            )
        summarizer = self._summarizer_of(request.summary)
        analysis = await self._analyze(request.text, summarizer, context)
        return pb.AnalyzeTextResponse(
            analysis=analysis,
            model=analysis.model,
            seconds=monotonic() - began_s,
        )

    async def ListLanguages(
        self, request: pb.ListLanguagesRequest, context: Context
    ) -> pb.ListLanguagesResponse:
        del request, context  # not used
        reader = self._reader.loaded.model
        return pb.ListLanguagesResponse(
            languages=[
                described(
                    language,
                    is_installed=reader.is_installed(language),
                    recognizer=reader.recognizer_of(language),
                )
                for language in all_languages().values()
            ]
        )

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        del request, context  # not used
        return ParseDict({"models": self.host.listed(self._entries)}, pb.ListModelsResponse())

    def _recognized(self, printed: PrintedPage) -> pb.RecognizeResponse:
        return recognized(printed, model=self._reading_model(printed.page))

    def _summarizer_of(self, kind: "analysis_pb2.SummaryKind.ValueType") -> SummarizerSlot | None:
        """Return what writes a summary of that kind, None for an extractive one.

        A request for which a model is missing is refused.
        """
        if kind not in analysis_pb2.SummaryKind.values():
            raise InvalidRequest(f"summary {kind} is not known")
        _ = self._analyzer.loaded
        if kind != analysis_pb2.SUMMARY_KIND_ABSTRACTIVE:
            return None
        if self._summarizer is None:
            raise _no_summarizer(self._entries)
        _ = self._summarizer.loaded
        return self._summarizer

    async def _analyze(
        self, text: str, summarizer: SummarizerSlot | None, context: Context
    ) -> analysis_pb2.Analysis:
        work = partial(self._analyzer.answer, text)
        analysis = await self._analyzer.serve(work, caller=caller_of(context))
        loaded = self._analyzer.loaded
        summary_model = loaded.named()
        if summarizer is not None:
            summary_model = summarizer.loaded.named()
            if analysis.sentiment is not None:
                write = partial(summarizer.answer, text)
                summary = await summarizer.serve(write, caller=caller_of(context))
                analysis = replace(analysis, summary=summary)
        return analyzed(
            analysis,
            model=image_pb2.Model(**loaded.named()),
            summary_model=image_pb2.Model(**summary_model),
            sentiment_model=image_pb2.Model(**loaded.parts[-1].named()),
        )

    def _reading_model(self, page: Page) -> image_pb2.Model:
        if page.route == TEXT_LAYER:
            return image_pb2.Model(
                name=TEXT_LAYER, version=PYPDFIUM_INFO.version, device="cpu", provider="pdfium"
            )
        if page.engine == TESSERACT:
            return image_pb2.Model(
                name=TESSERACT, version=tesseract_version(), device="cpu", provider=TESSERACT
            )
        loaded = self._reader.loaded
        own = [part for part in loaded.parts if part.entry.name == page.recognizer]
        return image_pb2.Model(**(own or [loaded])[0].named())


def _order(
    request: pb.RecognizeRequest | pb.RecognizeDocumentRequest, context: Context, *, with_jpeg: bool
) -> PageOrder:
    if not 0 <= request.min_confidence <= 1:
        raise InvalidRequest(f"min_confidence is {request.min_confidence}; send 0 to 1")
    return PageOrder(
        languages=find_languages(request.language),
        min_confidence=request.min_confidence,
        with_jpeg=with_jpeg,
        caller=caller_of(context),
    )


def _read_pages(
    loaded: LoadedModel[Reader], pages: Sequence[tuple[FittedImage, tuple[Language, ...]]]
) -> list[Page]:
    return [loaded.model.read(fitted, *languages) for fitted, languages in pages]


def _analyze_texts(loaded: LoadedModel[Analyzer], texts: Sequence[str]) -> list[Analysis]:
    return [loaded.model.analyze(text) for text in texts]


def _summarize_texts(loaded: LoadedModel[AbstractiveSummarizer], texts: Sequence[str]) -> list[str]:
    return [loaded.model.summarize(text) for text in texts]


def _no_summarizer(entries: Sequence[ModelEntry]) -> ModelNotInstalled:
    """Return the error that names the commands which install the summarizer."""
    names = " ".join(entry.name for entry in entries if entry.task in SUMMARIZER_TASKS)
    return ModelNotInstalled(
        f"no abstractive summarizer is installed; run `imagemesh models pull {names}`, or ask for "
        "an extractive summary"
    )
