"""POST /api/v1/nudity on VisionService.DetectNudity."""

from typing import Final

from msgspec import UNSET

from contract.endpoints.nudity import (
    ENDPOINT,
    Nudity,
    NudityAnswer,
    NudityClass,
    NudityDetails,
    NudityRequest,
    Severity,
)
from gateway.backends import VISION, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import model_of, warnings_of
from imagemesh.vision.v1 import vision_service_pb2 as pb


async def _ask(
    backends: Backends, request: NudityRequest, image: bytes, context: CallContext
) -> pb.DetectNudityResponse:
    frames = pb.Frames.Value(f"FRAMES_{request.frame.upper()}")
    policy = context.policy or "" if request.policy is UNSET else request.policy
    message = pb.DetectNudityRequest(image=image, frames=frames, policy=policy)
    return await call(backends.vision.DetectNudity, message, context)


def _answer(request: NudityRequest, response: pb.DetectNudityResponse, _: str) -> NudityAnswer:
    result = Nudity(url=request.url, is_nude=response.is_nude, confidence=response.confidence)
    details = NudityDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        threshold=response.threshold,
        policy=response.policy,
        severity=_severity(response.severity),
        classes=[NudityClass(one.name, one.confidence) for one in response.classes] or None,
        frame_count=response.frame_count if response.frame_count > 1 else None,
        worst_frame=response.worst_frame if response.frame_count > 1 else None,
        warnings=warnings_of(response.warnings),
    )
    return NudityAnswer(result, details)


def _severity(severity: "pb.Severity.ValueType") -> Severity | None:
    if severity == pb.SEVERITY_UNSPECIFIED:
        return None
    return Severity(pb.Severity.Name(severity).removeprefix("SEVERITY_").lower())


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{VISION}/DetectNudity",),
    tasks=("nudity",),
    ask=_ask,
    answer=_answer,
)
