"""POST /api/v1/analyzed-text on OcrService.AnalyzeText."""

from typing import Final

from contract.endpoints.analyzed_text import (
    ENDPOINT,
    AnalyzedTextAnswer,
    AnalyzedTextRequest,
    TextAnalysisDetails,
)
from gateway.backends import OCR, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import analysis_of, model_of, summary_kind
from imagemesh.ocr.v1 import ocr_service_pb2 as pb


async def _ask(
    backends: Backends, request: AnalyzedTextRequest, _: bytes, context: CallContext
) -> pb.AnalyzeTextResponse:
    message = pb.AnalyzeTextRequest(text=request.text, summary=summary_kind(request.summary))
    return await call(backends.ocr.AnalyzeText, message, context)


def _answer(
    request: AnalyzedTextRequest, response: pb.AnalyzeTextResponse, _: str
) -> AnalyzedTextAnswer:
    details = TextAnalysisDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        language=response.analysis.language,
        summary_model=model_of(response.analysis.summary_model),
        sentiment_model=model_of(response.analysis.sentiment_model),
    )
    return AnalyzedTextAnswer(analysis_of(response.analysis, text=request.text), details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{OCR}/AnalyzeText",),
    tasks=("embed-text",),
    ask=_ask,
    answer=_answer,
)
