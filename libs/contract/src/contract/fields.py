"""Types of fields that several requests and answers have."""

from enum import Enum
from typing import Annotated, Final

from msgspec import Meta

MAX_IMAGE_BYTES: Final = 10 * 1024 * 1024
MAX_URL_CHARACTERS: Final = 4096  # presigned URLs of object stores with a token reach 2,500

# A GIF of one pixel, which every endpoint answers.
EXAMPLE_IMAGE: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

Confidence = Annotated[float, Meta(ge=0, le=1)]
MinConfidence = Annotated[
    float, Meta(ge=0, le=1, description="What is less sure than this is left out.")
]
Corners = Annotated[
    list[tuple[float, float]],
    Meta(description="(x, y) in pixels of the upright image, clockwise from where it begins."),
]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="http or https URL of the image, 10 MiB at most.",
        examples=["https://example.com/image.jpg"],
    ),
]
Base64Image = Annotated[
    str,
    Meta(
        min_length=1,
        description="The image itself instead of `url`, in base64 of the standard alphabet; "
        "a data: URI of it is taken too. 10 MiB at most, decoded.",
        examples=[EXAMPLE_IMAGE],
    ),
]
WithDetails = Annotated[
    bool, Meta(description="True adds `details`: the model, its version, its device, the time.")
]
Webhook = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="http or https URL that is sent the job when it has ended; only with the "
        "header `Prefer: respond-async`.",
    ),
]


class TextEnum(str, Enum):
    """Enum whose members are texts."""

    __str__ = str.__str__
