"""POST /api/v1/nudity: say whether a photo holds nudity."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView
from contract.fields import Confidence, TextEnum


class Nudity(Struct, frozen=True, rename="camel", kw_only=True):
    """The judgement of a photo."""

    url: str | UnsetType = UNSET
    is_nude: bool
    confidence: Confidence


class NudityDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of a judgement."""

    threshold: Confidence
    frame_count: (
        Annotated[int, Meta(ge=2, description="Frames or pages of the file, looked at or not.")]
        | None
    ) = None
    worst_frame: (
        Annotated[int, Meta(ge=1, description="The frame of the highest score, counted from 1.")]
        | None
    ) = None


class NudityAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/nudity."""

    result: Nudity
    details: NudityDetails | None = None


class Frame(TextEnum):
    """Frames of an animation, or pages of a TIFF, that are judged."""

    FIRST = "first"
    ALL = "all"


class NudityRequest(
    ImageRequest[NudityAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The photo to judge."""

    frame: Annotated[
        Frame,
        Meta(
            description="first: the first frame of an animation. all: all of them, or 64 spread "
            "evenly over a longer one; the worst decides."
        ),
    ] = Frame.FIRST


ENDPOINT: Final = Endpoint(
    name="nudity",
    position=7,
    summary="Say whether a photo holds nudity.",
    description="The answer is a score and a threshold, not a judgement; how often it misses was "
    "not measured. Have a person look before anything is decided about a person.",
    request=NudityRequest,
    answers=(NudityAnswer,),
    page=PageView(label="Nudity", answer="nudity", sample="beach.jpg"),
)
