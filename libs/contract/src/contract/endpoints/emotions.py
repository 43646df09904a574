"""POST /api/v1/emotions: read the visible expressions of the faces in a photo."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, Model, PageView
from contract.fields import Confidence, MinConfidence


class FaceCoordinates(Struct, frozen=True):
    """Box of a face in pixels of the upright image."""

    top: int
    bottom: int
    left: int
    right: int


class Emotion(Struct, frozen=True):
    """One visible expression; not what anyone feels."""

    emotion: str
    confidence: Confidence


class Face(Struct, frozen=True, rename="camel"):
    """A face: a list of one box, as in the seed, and its emotions, most confident first."""

    face_coordinates: list[FaceCoordinates]
    emotions: list[Emotion]


class EmotionsDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of the emotions; `face_model` found the faces."""

    face_model: Model


class EmotionsAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/emotions: the faces from left to right."""

    result: list[Face]
    details: EmotionsDetails | None = None


class EmotionsRequest(
    ImageRequest[EmotionsAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The photo whose faces are read."""

    limit: Annotated[int, Meta(ge=1, le=7, description="Emotions for each face.")] = 7
    min_confidence: MinConfidence = 0.0


ENDPOINT: Final = Endpoint(
    name="emotions",
    position=5,
    summary="Read the visible expressions of the faces in a photo.",
    description="The answer is the visible expression of each face as a model sees it, never what "
    "a person feels. It is wrong for a third of the faces of FER2013, where people are no better, "
    "and for half of those that show fear, disgust or sadness; it was not checked for age, sex, "
    "skin or culture, and the model's card says more. Do not decide anything about people with it, "
    "not in hiring, teaching, policing, lending or care; the European Union forbids it at work and "
    "in schools (AI Act, article 5). Whoever runs the mesh can switch it off, and limit keys to "
    "other endpoints.",
    request=EmotionsRequest,
    answers=(EmotionsAnswer,),
    example={"limit": 3},
    page=PageView(label="Faces", answer="faces", sample="faces.jpg"),
)
