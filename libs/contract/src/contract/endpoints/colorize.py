"""POST /api/v1/colorize: color a black-and-white photo."""

from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.endpoint import AnswerDetails, Endpoint, ImageRequest, PageView


class Colorized(Struct, frozen=True):
    """Address of the colored image; a `data:` URI where the gateway hosts none."""

    colorized: Annotated[str, Meta(description="URL of the colored image, good for 30 days.")]


class ColorizeDetails(AnswerDetails, frozen=True, omit_defaults=True, kw_only=True):
    """Details of a colored image; its size is in pixels."""

    width: int
    height: int
    already_colored: bool


class ColorizeAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/colorize."""

    result: Colorized
    details: ColorizeDetails | None = None


class ColorizeRequest(
    ImageRequest[ColorizeAnswer], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The black-and-white photo to color."""

    strength: Annotated[
        float,
        Meta(ge=0, le=1.5, description="Factor of the colors' intensity: 0 is grey, 1.5 vivid."),
    ] = 1.0
    expires_in_s: (
        Annotated[
            int,
            Meta(
                ge=60,
                description="How long the colored image is hosted, in seconds; the operator's "
                "setting, 30 days unless changed, is the default and the most.",
            ),
        ]
        | UnsetType
    ) = UNSET


ENDPOINT: Final = Endpoint(
    name="colorize",
    position=1,
    summary="Color a black-and-white photo.",
    description="The colors are a model's guess, not those that were there. The image's XMP "
    "metadata says so: IPTC digital source type compositeWithTrainedAlgorithmicMedia, and the "
    "model's name.",
    request=ColorizeRequest,
    answers=(ColorizeAnswer,),
    example={"expires_in_s": 3600},
    page=PageView(label="Color", answer="colors", sample="landscape.jpg", fields=("strength",)),
)
