"""POST /api/v1/faces: find the faces in a photo."""

from typing import Final

from msgspec import Struct

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest
from contract.endpoints.emotions import FaceCoordinates


class FoundFace(Struct, frozen=True, rename="camel"):
    """A face: a list of one box, as POST /api/v1/emotions has it."""

    face_coordinates: list[FaceCoordinates]


class FacesAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/faces: the faces from left to right."""

    result: list[FoundFace]
    details: AnswerDetails | None = None


class FacesRequest(
    ImageRequest[FacesAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The photo whose faces are found."""


ENDPOINT: Final = Endpoint(
    name="faces",
    position=8,
    summary="Find the faces in a photo.",
    description="At most 300 boxes, for counting or hiding faces. Nothing is told of the people: "
    "neither who they are nor what their faces show.",
    request=FacesRequest,
    answers=(FacesAnswer,),
)
