"""POST /api/v1/nudity: say whether a photo holds nudity."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView
from contract.fields import Confidence, TextEnum

# The operator names policies so.
POLICY_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,49}$"


class Nudity(Struct, frozen=True, rename="camel", kw_only=True):
    """The judgement of a photo."""

    url: str | UnsetType = UNSET
    is_nude: bool
    confidence: Confidence


class Severity(TextEnum):
    """Severity of nudity in a photo."""

    NONE = "none"
    SUGGESTIVE = "suggestive"
    EXPLICIT = "explicit"


class NudityClass(Struct, frozen=True):
    """One class of a nudity model."""

    name: Annotated[str, Meta(description='The model\'s own name of it, such as "hentai".')]
    confidence: Confidence


class NudityDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of a judgement."""

    threshold: Confidence
    policy: Annotated[str, Meta(description="Name of the thresholds that it was judged by.")]
    severity: (
        Annotated[
            Severity,
            Meta(
                description="Left out by a model that only tells nude from not nude; explicit is "
                "what is called nude."
            ),
        ]
        | None
    ) = None
    classes: (
        Annotated[
            list[NudityClass],
            Meta(description="The model's own classes, most confident first; beside `severity`."),
        ]
        | None
    ) = None
    frame_count: (
        Annotated[int, Meta(ge=2, description="Frames or pages of the file, looked at or not.")]
        | None
    ) = None
    worst_frame: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="The frame of the highest severity, then score, counted from 1.",
            ),
        ]
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
    policy: (
        Annotated[
            str,
            Meta(
                pattern=POLICY_PATTERN,
                description="Name of the thresholds to judge by, which the operator has set; those "
                "of the API key, or `default`, unless given.",
                examples=["default"],
            ),
        ]
        | UnsetType
    ) = UNSET


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
