"""POST /api/v1/emotions on VisionService.DetectEmotions."""

from typing import Final

from contract.endpoints.emotions import (
    ENDPOINT,
    Emotion,
    EmotionsAnswer,
    EmotionsDetails,
    EmotionsRequest,
    Face,
    FaceCoordinates,
)
from gateway.backends import VISION, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import model_of, warnings_of
from imagemesh.vision.v1 import vision_service_pb2 as pb


async def _ask(
    backends: Backends, request: EmotionsRequest, image: bytes, context: CallContext
) -> pb.DetectEmotionsResponse:
    message = pb.DetectEmotionsRequest(image=image, limit=request.limit)
    return await call(backends.vision.DetectEmotions, message, context)


def _answer(
    request: EmotionsRequest, response: pb.DetectEmotionsResponse, _: str
) -> EmotionsAnswer:
    details = EmotionsDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        face_model=model_of(response.face_model),
        warnings=warnings_of(response.warnings),
    )
    return EmotionsAnswer([_face(face, request) for face in response.faces], details)


def _face(face: pb.Face, request: EmotionsRequest) -> Face:
    box = FaceCoordinates(
        top=face.box.top, bottom=face.box.bottom, left=face.box.left, right=face.box.right
    )
    emotions = [
        Emotion(emotion.name, emotion.confidence)
        for emotion in face.emotions
        if emotion.confidence >= request.min_confidence
    ]
    return Face([box], emotions)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{VISION}/DetectEmotions",),
    tasks=("faces", "emotions"),
    ask=_ask,
    answer=_answer,
)
