"""POST /api/v1/nudity: say whether a photo holds nudity."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView
from contract.fields import Confidence


class Nudity(Struct, frozen=True, rename="camel", kw_only=True):
    """The judgement of a photo."""

    url: str | UnsetType = UNSET
    is_nude: bool
    confidence: Confidence


class NudityDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of a judgement."""

    threshold: Confidence


class NudityAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/nudity."""

    result: Nudity
    details: NudityDetails | None = None


class NudityRequest(
    ImageRequest[NudityAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The photo to judge."""


ENDPOINT: Final = Endpoint(
    name="nudity",
    position=7,
    summary="Say whether a photo holds nudity.",
    description="The answer is a score and a threshold, not a judgement; how often it misses was "
    "not measured. Have a person look before anything is decided about a person.",
    request=NudityRequest,
    answers=(NudityAnswer,),
    page=PageView(label="Detect nudity", answer="nudity"),
)
