"""POST /api/v1/nudity on VisionService.DetectNudity."""

from typing import Final

from contract.endpoints.nudity import (
    ENDPOINT,
    Nudity,
    NudityAnswer,
    NudityDetails,
    NudityRequest,
)
from gateway.backends import VISION, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import model_of, warnings_of
from imagemesh.vision.v1 import vision_service_pb2 as pb


async def _ask(
    backends: Backends, request: NudityRequest, image: bytes, context: CallContext
) -> pb.DetectNudityResponse:
    frames = pb.Frames.Value(f"FRAMES_{request.frame.upper()}")
    message = pb.DetectNudityRequest(image=image, frames=frames)
    return await call(backends.vision.DetectNudity, message, context)


def _answer(request: NudityRequest, response: pb.DetectNudityResponse, _: str) -> NudityAnswer:
    result = Nudity(url=request.url, is_nude=response.is_nude, confidence=response.confidence)
    details = NudityDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        threshold=response.threshold,
        frame_count=response.frame_count if response.frame_count > 1 else None,
        worst_frame=response.worst_frame if response.frame_count > 1 else None,
        warnings=warnings_of(response.warnings),
    )
    return NudityAnswer(result, details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{VISION}/DetectNudity",),
    tasks=("nudity",),
    ask=_ask,
    answer=_answer,
)
