"""Endpoints: their description, and the bases of their requests and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.fields import EXAMPLE_IMAGE, Base64Image, Url, Webhook, WithDetails

API_PATH: Final = "/api/v1/"

AnswerT = TypeVar("AnswerT")


class EndpointRequest(
    Struct,
    Generic[AnswerT],
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=True,  # the client sends what differs
):
    """Base of the requests; its parameter is the Struct of the answer.

    Every request has `details` and `webhook`, behind its own first fields.
    """


class ImageRequest(
    EndpointRequest[AnswerT],
    Generic[AnswerT],
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
):
    """Request that holds one image, in exactly one of `url` and `image`."""

    url: Url | UnsetType = UNSET
    image: Base64Image | UnsetType = UNSET
    details: WithDetails = False
    webhook: Webhook | UnsetType = UNSET


class DocumentRequest(
    ImageRequest[AnswerT], Generic[AnswerT], frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """Request whose image may be a PDF, or a TIFF of several pages."""


class Model(Struct, frozen=True):
    """Model that gave an answer."""

    name: str
    version: str
    device: str
    provider: Annotated[
        str, Meta(description='Runtime that computed it, such as "CPUExecutionProvider".')
    ] = ""


class AnswerWarning(Struct, frozen=True, omit_defaults=True):
    """Reason to doubt an answer."""

    code: Annotated[
        str,
        Meta(
            description="Stable code: `unread_ink` for letters that were seen but not read, "
            "`small_letters` for lines too low to be read well, `truncated` for an image whose "
            "end is missing, `frames_skipped` for an animation too long to be looked at whole, "
            "`transparency_lost` for a colored image that is too large as a PNG, `signature_lost` "
            "for a PDF that is written without the digital signature of the one that came."
        ),
    ]
    message: Annotated[str, Meta(description="A sentence on what to send instead.")]
    page: Annotated[int, Meta(ge=1, description="Number of the page in a document.")] | None = None


class AnswerDetails(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Fields that `details: true` adds; endpoints add their own."""

    model: Model
    seconds: Annotated[float, Meta(ge=0, description="Time in the service, in seconds.")]
    warnings: (
        Annotated[list[AnswerWarning], Meta(description="Left out where nothing was noticed.")]
        | None
    ) = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """Place of an endpoint on the page at `/`.

    Attributes:
        label: of its tab.
        answer: which view of `static/answers.js` shows the answer.
        sample: file in the gateway's `examples` that its tab begins with; empty for none.
        fields: parameters that the form sets besides the image.
    """

    label: str
    answer: str
    sample: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One POST endpoint under /api/v1.

    Attributes:
        name: last part of the path, scope of API keys, and key of its price.
        position: among the endpoints, in lists.
        summary: one sentence for the documentation.
        description: what a caller must know before they use it; empty where that is all.
        request: the Struct of the body.
        answers: the Structs of the answers; the first one unless the request asks for another.
        example: parameters of an example, besides the image.
        page: None leaves it off the page at `/`.
    """

    name: str
    position: int
    summary: str
    request: type[EndpointRequest[Any]]  # Any: of each its own
    answers: tuple[type[Struct], ...]
    description: str = ""
    example: Mapping[str, object] = field(default_factory=dict)
    page: PageView | None = None

    @property
    def path(self) -> str:
        """Full path, such as "/api/v1/ocr"."""
        return API_PATH + self.name

    @property
    def takes_image(self) -> bool:
        """True where the request holds an image."""
        return issubclass(self.request, ImageRequest)

    @property
    def takes_documents(self) -> bool:
        """True where the image may be a PDF."""
        return issubclass(self.request, DocumentRequest)

    def example_request(self) -> dict[str, object]:
        """Return an example of a request, with an image of one pixel where it takes one."""
        image = {"image": EXAMPLE_IMAGE} if self.takes_image else {}
        return {**image, **self.example}

    def answer_of(self, request: EndpointRequest[Any]) -> type[Struct]:
        """Return the Struct of the answer to `request`."""
        asked = getattr(request, "format", None)
        answer: type[Struct] = getattr(asked, "answer", self.answers[0])
        return answer
