"""POST /api/v1/analyzed-ocr on OcrService.Analyze."""

from typing import Final

from msgspec import UNSET

from contract.endpoint import AnswerWarning
from contract.endpoints.analyzed_ocr import (
    ENDPOINT,
    AnalyzedOcrAnswer,
    AnalyzedOcrRequest,
    ReadAnalysisDetails,
)
from gateway.backends import OCR, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import analysis_of, model_of, summary_kind
from imagemesh.ocr.v1 import ocr_service_pb2 as pb


async def _ask(
    backends: Backends, request: AnalyzedOcrRequest, image: bytes, context: CallContext
) -> pb.AnalyzeResponse:
    pages = "" if request.pages is UNSET else request.pages
    message = pb.AnalyzeRequest(image=image, pages=pages, summary=summary_kind(request.summary))
    return await call(backends.ocr.Analyze, message, context)


def _answer(request: AnalyzedOcrRequest, response: pb.AnalyzeResponse, _: str) -> AnalyzedOcrAnswer:
    is_document = response.page_count > 1
    details = ReadAnalysisDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        analysis_model=model_of(response.analysis.model),
        summary_model=model_of(response.analysis.summary_model),
        sentiment_model=model_of(response.analysis.sentiment_model),
        language=response.analysis.language,
        page_count=response.page_count if is_document else None,
        warnings=[
            AnswerWarning(
                found.warning.code, found.warning.message, found.number if is_document else None
            )
            for found in response.warnings
        ]
        or None,
    )
    result = analysis_of(response.analysis, text=response.text, url=request.url)
    return AnalyzedOcrAnswer(result, details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{OCR}/Analyze",),
    tasks=("detect-text", "read-text", "embed-text"),
    ask=_ask,
    answer=_answer,
)
