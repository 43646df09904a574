"""POST /api/v1/analyzed-text: summarize, tag and judge an English text."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, Endpoint, EndpointRequest, Model
from contract.fields import Confidence, TextEnum, Webhook, WithDetails


class SummaryKind(TextEnum):
    """Kind of summary of a text."""

    EXTRACTIVE = "extractive"
    ABSTRACTIVE = "abstractive"


Summary = Annotated[
    SummaryKind,
    Meta(
        description="extractive: sentences of the text. abstractive: new sentences, which a model "
        "of the profile `full` writes in some seconds from the first 1,024 tokens (about 750 "
        "words), and which may say what the text does not."
    ),
]


class AnalyzedText(Struct, frozen=True):
    """The text and its summary."""

    full_text: str
    summary: str


class Sentiment(Struct, frozen=True):
    """The tone: "positive", "neutral" or "negative"; "unknown" where the text is not English."""

    result: str
    confidence: Confidence


class Analysis(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Summary, tone and tags of a text; `notice` says why a text was not analyzed."""

    url: str | UnsetType = UNSET
    text: AnalyzedText
    sentiment: Sentiment
    tags: Annotated[str, Meta(description='Tags, best first, joined by ", ".')]
    notice: str | None = None


class TextAnalysisDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of an analysis; `model` gives the tags, `language` is the one that was found."""

    language: str
    summary_model: Model
    sentiment_model: Model


class AnalyzedTextAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/analyzed-text."""

    result: Analysis
    details: TextAnalysisDetails | None = None


class AnalyzedTextRequest(
    EndpointRequest[AnalyzedTextAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The English text to analyze."""

    text: Annotated[str, Meta(min_length=1, max_length=50_000)]
    summary: Summary = SummaryKind.EXTRACTIVE
    details: WithDetails = False
    webhook: Webhook | UnsetType = UNSET


ENDPOINT: Final = Endpoint(
    name="analyzed-text",
    position=4,
    summary="Summarize, tag and judge an English text.",
    request=AnalyzedTextRequest,
    answers=(AnalyzedTextAnswer,),
    example={"text": "We sold more than ever, and the new shop opens in May."},
)
