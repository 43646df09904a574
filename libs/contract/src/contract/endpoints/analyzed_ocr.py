"""POST /api/v1/analyzed-ocr: read an image or a document, and analyze its English text."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, DocumentRequest, Endpoint, Model, PageView
from contract.endpoints.analyzed_text import Analysis, Summary, SummaryKind
from contract.endpoints.ocr import Pages


class ReadAnalysisDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of an analysis; `model` read the text, `analysis_model` gives the tags."""

    analysis_model: Model
    summary_model: Model
    sentiment_model: Model
    language: str
    page_count: (
        Annotated[int, Meta(ge=1, description="Pages of the document, read or not.")] | None
    ) = None


class AnalyzedOcrAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/analyzed-ocr."""

    result: Analysis
    details: ReadAnalysisDetails | None = None


class AnalyzedOcrRequest(
    DocumentRequest[AnalyzedOcrAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The image or document of English text to read and analyze."""

    pages: Pages | UnsetType = UNSET
    summary: Summary = SummaryKind.EXTRACTIVE


ENDPOINT: Final = Endpoint(
    name="analyzed-ocr",
    position=3,
    summary="Read, summarize, tag and judge the English text of an image or a document.",
    description="It takes PDF as well, and every page of a TIFF; what is analyzed is the text of "
    "all pages that were read, the first 50,000 letters of it.",
    request=AnalyzedOcrRequest,
    answers=(AnalyzedOcrAnswer,),
    page=PageView(label="Analyze", answer="analysis", sample="letter.png", fields=("pages",)),
)
