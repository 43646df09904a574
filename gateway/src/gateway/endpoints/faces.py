"""POST /api/v1/faces on VisionService.DetectFaces."""

from typing import Final

from contract.endpoint import AnswerDetails
from contract.endpoints.emotions import FaceCoordinates
from contract.endpoints.faces import ENDPOINT, FacesAnswer, FacesRequest, FoundFace
from gateway.backends import VISION, Backends, CallContext, call
from gateway.endpoint_handler import EndpointHandler
from gateway.messages import model_of, warnings_of
from imagemesh.vision.v1 import vision_service_pb2 as pb


async def _ask(
    backends: Backends, request: FacesRequest, image: bytes, context: CallContext
) -> pb.DetectFacesResponse:
    del request  # it has no parameters of its own
    return await call(backends.vision.DetectFaces, pb.DetectFacesRequest(image=image), context)


def _answer(_: FacesRequest, response: pb.DetectFacesResponse, __: str) -> FacesAnswer:
    details = AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        warnings=warnings_of(response.warnings),
    )
    boxes = [
        FaceCoordinates(top=box.top, bottom=box.bottom, left=box.left, right=box.right)
        for box in response.boxes
    ]
    return FacesAnswer([FoundFace([box]) for box in boxes], details)


HANDLER: Final = EndpointHandler(
    endpoint=ENDPOINT,
    rpcs=(f"/{VISION}/DetectFaces",),
    tasks=("faces",),
    ask=_ask,
    answer=_answer,
)
