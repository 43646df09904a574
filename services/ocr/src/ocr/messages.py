"""Conversion of pages and analyses to messages of the contract."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from modelkit.doubts import ImageWarning
from ocr.analysis import Analysis
from ocr.engines import PageLine, PageWord
from ocr.formats import PrintedPage, WrittenDocument
from ocr.indentation import indented_text
from ocr.languages import PP_OCR_LINES, Language
from ocr.preparation import Corners

# The names of `ocr.formats` for the formats of the contract.
FORMATS: Mapping[int, str | None] = MappingProxyType(
    {
        number: None
        if number == page_pb2.FORMAT_UNSPECIFIED
        else name.removeprefix("FORMAT_").lower()
        for name, number in page_pb2.Format.items()
    }
)

_PIECE_BYTES = 4 * 1024 * 1024  # of a document; the largest message has 11 MiB
_LABELS = {
    "positive": analysis_pb2.SENTIMENT_LABEL_POSITIVE,
    "neutral": analysis_pb2.SENTIMENT_LABEL_NEUTRAL,
    "negative": analysis_pb2.SENTIMENT_LABEL_NEGATIVE,
}


def recognized(printed: PrintedPage, *, model: image_pb2.Model) -> pb.RecognizeResponse:
    """Return the message of a page that was read."""
    page = printed.page
    return pb.RecognizeResponse(
        text=indented_text(page.lines),
        lines=[_line(line) for line in page.lines],
        language=page.language,
        confidence=page.confidence,
        rotation_degrees=page.rotation_degrees,
        size=image_pb2.Size(width=printed.width_px, height=printed.height_px),
        model=model,
        seconds=printed.seconds,
        route=page.route,
        blocks=[page_pb2.Block(corners=_points(corners)) for corners in page.blocks],
        skew_degrees=page.skew_degrees,
        warnings=[_warning(warning) for warning in page.warnings],
    )


def page_warnings(printed: PrintedPage) -> Iterator[pb.PageWarning]:
    """Yield the messages of the warnings about a page of a document."""
    for warning in printed.page.warnings:
        yield pb.PageWarning(number=printed.number, warning=_warning(warning))


def pieces_of(document: WrittenDocument) -> Iterator[page_pb2.Document]:
    """Yield the messages that a document is sent in, at least one."""
    for start in range(0, max(1, len(document.content)), _PIECE_BYTES):
        content = document.content[start : start + _PIECE_BYTES]
        yield page_pb2.Document(content=content, media_type=document.media_type)


def analyzed(
    analysis: Analysis,
    *,
    model: image_pb2.Model,
    summary_model: image_pb2.Model,
    sentiment_model: image_pb2.Model,
) -> analysis_pb2.Analysis:
    """Return the message of an analysis."""
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
        model=model,
        summary_model=summary_model,
        sentiment_model=sentiment_model,
    )


def described(language: Language, *, is_installed: bool, recognizer: str = "") -> page_pb2.Language:
    """Return the message of a language.

    Args:
        language: of the table.
        is_installed: it can be read now.
        recognizer: the model of its script that reads it; empty for the engines of the table.
    """
    return page_pb2.Language(
        code=language.code,
        name=language.name,
        installed=is_installed,
        engine=recognizer or language.engine,
        packages=language.packages,
        tag=language.tag,
        script=language.script,
        route=PP_OCR_LINES if recognizer else language.route,
        error_rate=language.error_rate,
        photo_error_rate=language.photo_error_rate,
    )


def _line(line: PageLine) -> page_pb2.Line:
    return page_pb2.Line(
        text=line.text,
        confidence=line.confidence,
        corners=_points(line.corners),
        words=[_word(word) for word in line.words],
        block=line.block,
        script=line.script,
        language=line.language,
    )


def _warning(warning: ImageWarning) -> page_pb2.Warning:
    return page_pb2.Warning(code=warning.code, message=warning.message)


def _word(word: PageWord) -> page_pb2.Word:
    return page_pb2.Word(text=word.text, confidence=word.confidence, corners=_points(word.corners))


def _points(corners: Corners) -> list[image_pb2.Point]:
    return [image_pb2.Point(x=float(x), y=float(y)) for x, y in corners]
