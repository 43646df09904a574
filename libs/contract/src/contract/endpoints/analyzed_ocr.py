"""POST /api/v1/analyzed-ocr: read an image, and summarize, tag and judge its English text."""

from typing import Final

from msgspec import Struct

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, Model, PageView
from contract.endpoints.analyzed_text import Analysis


class ReadAnalysisDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of an analysis; `model` read the text, `analysis_model` analyzed it."""

    analysis_model: Model
    language: str


class AnalyzedOcrAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/analyzed-ocr."""

    result: Analysis
    details: ReadAnalysisDetails | None = None


class AnalyzedOcrRequest(
    ImageRequest[AnalyzedOcrAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The image of English text to read and analyze."""


ENDPOINT: Final = Endpoint(
    name="analyzed-ocr",
    position=3,
    summary="Read, summarize, tag and judge the English text of an image.",
    request=AnalyzedOcrRequest,
    answers=(AnalyzedOcrAnswer,),
    page=PageView(label="Read and analyze English", answer="analysis"),
)
