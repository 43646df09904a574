"""POST /api/v1/classify: name what a photo shows."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView
from contract.fields import Confidence, MinConfidence


class Label(Struct, frozen=True):
    """One class of the classifier."""

    tag: str
    confidence: Confidence


class ClassifyAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/classify: the best labels, most confident first."""

    result: list[Label]
    details: AnswerDetails | None = None


class ClassifyRequest(
    ImageRequest[ClassifyAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The photo to classify."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Labels at most.")] = 5
    min_confidence: MinConfidence = 0.0


ENDPOINT: Final = Endpoint(
    name="classify",
    position=6,
    summary="Name what a photo shows.",
    request=ClassifyRequest,
    answers=(ClassifyAnswer,),
    example={"limit": 3},
    page=PageView(label="Classify", answer="labels", sample="balloon.jpg"),
)
