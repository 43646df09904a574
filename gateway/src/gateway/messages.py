"""Messages that several services answer with, as the JSON of the REST API."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, UnsetType

from contract.endpoint import AnswerWarning, Model
from contract.endpoints.analyzed_text import Analysis, AnalyzedText, Sentiment, SummaryKind
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2

_SENTIMENTS: Final = {
    analysis_pb2.SENTIMENT_LABEL_UNSPECIFIED: "unknown",
    analysis_pb2.SENTIMENT_LABEL_POSITIVE: "positive",
    analysis_pb2.SENTIMENT_LABEL_NEUTRAL: "neutral",
    analysis_pb2.SENTIMENT_LABEL_NEGATIVE: "negative",
}


def model_of(model: image_pb2.Model) -> Model:
    """Return the model that gave an answer."""
    return Model(model.name, model.version, model.device, model.provider)


def warnings_of(warnings: Iterable[image_pb2.Warning]) -> list[AnswerWarning] | None:
    """Return the warnings about an image, None for none."""
    return [AnswerWarning(each.code, each.message) for each in warnings] or None


def summary_kind(kind: SummaryKind) -> "analysis_pb2.SummaryKind.ValueType":
    """Return the kind of summary that a request asks for."""
    return analysis_pb2.SummaryKind.Value(f"SUMMARY_KIND_{kind.upper()}")


def analysis_of(
    analysis: analysis_pb2.Analysis, *, text: str, url: str | UnsetType = UNSET
) -> Analysis:
    """Return the analysis of `text`, which the image at `url` holds."""
    sentiment = analysis.sentiment
    return Analysis(
        url=url,
        text=AnalyzedText(text, analysis.summary),
        sentiment=Sentiment(_SENTIMENTS[sentiment.label], sentiment.confidence),
        tags=", ".join(analysis.tags),
        notice=analysis.notice or None,
    )
