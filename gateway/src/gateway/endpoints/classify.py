"""POST /api/v1/classify on VisionService.Classify."""

from typing import Final

from contract.endpoint import AnswerDetails
from contract.endpoints.classify import ENDPOINT, ClassifyAnswer, ClassifyRequest, Label
from gateway.backends import VISION, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import model_of, warnings_of
from imagemesh.vision.v1 import vision_service_pb2 as pb


async def _ask(
    backends: Backends, request: ClassifyRequest, image: bytes, context: CallContext
) -> pb.ClassifyResponse:
    message = pb.ClassifyRequest(image=image, limit=request.limit)
    return await call(backends.vision.Classify, message, context)


def _answer(request: ClassifyRequest, response: pb.ClassifyResponse, _: str) -> ClassifyAnswer:
    labels = [
        Label(label.tag, label.confidence)
        for label in response.labels
        if label.confidence >= request.min_confidence
    ]
    details = AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        warnings=warnings_of(response.warnings),
    )
    return ClassifyAnswer(labels, details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{VISION}/Classify",),
    tasks=("classify",),
    ask=_ask,
    answer=_answer,
)
