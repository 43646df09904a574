"""The JSON of the REST API, as the seed's reference has it, and what was added to it.

Requests and answers are msgspec Structs: they parse, check and print the JSON, and the OpenAPI
document is made of them. A field that is None or UNSET in an answer is left out; so is `url` where
the request named none.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.fetching.urls import MAX_URL_CHARACTERS

Confidence = Annotated[float, Meta(ge=0, le=1)]
Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="http or https URL of the picture, 10 MiB at most.",
        examples=["https://example.com/image.jpg"],
    ),
]
Details = Annotated[
    bool, Meta(description="True adds `details`: the model, its version, its device, the time.")
]
ErrorRate = Annotated[
    float,
    Meta(ge=0, description="Wrong letters for each right one, measured on one page of it."),
]
MinConfidence = Annotated[
    float, Meta(ge=0, le=1, description="What is less sure than this is left out.")
]
Image = Annotated[
    str,
    Meta(
        min_length=1,
        description="The picture itself instead of `url`, in base64 of the standard alphabet "
        "without line breaks; a data: URI of it is taken too. 10 MiB at most, decoded.",
        examples=["R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"],
    ),
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


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every request that holds a picture, in exactly one of `url` and `image`."""

    url: Url | UnsetType = UNSET
    image: Image | UnsetType = UNSET
    details: Details = False
    webhook: Webhook | UnsetType = UNSET


class ColorizeRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The black-and-white photo to colour."""

    expires_in_s: (
        Annotated[
            int,
            Meta(
                ge=60,
                description="How long the coloured picture is hosted, in seconds; the operator's "
                "setting, 30 days unless changed, is the default and the most.",
            ),
        ]
        | UnsetType
    ) = UNSET


class DocumentRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every request whose picture may be a PDF, or a TIFF of several pages."""


class OcrRequest(DocumentRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The picture or document to read."""

    lang: Annotated[
        str,
        Meta(
            max_length=60,
            description="Language code or BCP 47 tag, as GET /api/v1/languages lists them; up to "
            'four of them with "+" between two; or "auto", which finds the language.',
        ),
    ] = "eng"
    min_confidence: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Lines that are less sure are left out of `details` and of every `format` "
            "but text, which stays whole.",
        ),
    ] = 0.0
    format: Annotated[
        Literal["text", "json", "hocr", "alto", "tsv", "pdf"],
        Meta(
            description="How the text is written down: plain, with a form feed between two pages; "
            "as JSON, hOCR 1.2, ALTO 4.4 or the table of Tesseract, all with the places of lines "
            "and words; or as a PDF of the pictures in which the text can be found and copied."
        ),
    ] = "text"
    pages: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                description="The pages of a PDF or TIFF to read, counted from 1; all of them when "
                "left out.",
                examples=["1-3,7", "5-"],
            ),
        ]
        | UnsetType
    ) = UNSET


class AnalyzedOcrRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The picture of English text to read and analyze."""


class EmotionsRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The photo whose faces are read."""

    limit: Annotated[int, Meta(ge=1, le=7, description="Emotions for each face.")] = 7
    min_confidence: MinConfidence = 0.0


class ClassifyRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The photo to classify."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Labels at most.")] = 5
    min_confidence: MinConfidence = 0.0


class NudityRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The photo to judge."""


class AnalyzedTextRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The English text to analyze."""

    text: Annotated[str, Meta(min_length=1, max_length=50_000)]
    details: Details = False
    webhook: Webhook | UnsetType = UNSET


class Model(Struct, frozen=True):
    """What gave an answer."""

    name: str
    version: str
    device: str


Corners = Annotated[
    list[tuple[float, float]],
    Meta(description="(x, y) in pixels of the upright picture, clockwise from where it begins."),
]


class TextLine(Struct, frozen=True):
    """A line of text."""

    text: str
    confidence: Confidence
    corners: Corners


class AnswerDetails(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What `details: true` adds; only the fields that the endpoint has."""

    model: Model
    seconds: Annotated[float, Meta(ge=0, description="Time in the service, in seconds.")]
    face_model: Model | None = None
    analysis_model: Model | None = None
    width: int | None = None
    height: int | None = None
    already_coloured: bool | None = None
    lang: str | None = None
    confidence: Confidence | None = None
    rotation_degrees: int | None = None
    lines: list[TextLine] | None = None
    route: Annotated[str, Meta(description="How the page was read.")] | None = None
    threshold: Confidence | None = None
    language: str | None = None
    page_count: (
        Annotated[int, Meta(ge=1, description="Pages of the document, read or not.")] | None
    ) = None


class Colorized(Struct, frozen=True):
    """Where the coloured picture is hosted."""

    colorized: Annotated[str, Meta(description="URL of the coloured picture, good for 30 days.")]


class Text(Struct, frozen=True, kw_only=True):
    """What was read."""

    url: str | UnsetType = UNSET
    text: str


class AnalyzedText(Struct, frozen=True):
    """The text and its summary."""

    full_text: str
    summary: str


class Sentiment(Struct, frozen=True):
    """The tone: "positive", "neutral" or "negative"; "unknown" where the text is not English."""

    result: str
    confidence: Confidence


class Analysis(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was read and found; `notice` says why a text was not analyzed."""

    url: str | UnsetType = UNSET
    text: AnalyzedText
    sentiment: Sentiment
    tags: Annotated[str, Meta(description='Tags, best first, joined by ", ".')]
    notice: str | None = None


class TextAnalysis(Struct, frozen=True, omit_defaults=True):
    """What was found in a text; `notice` says why it was not analyzed."""

    text: AnalyzedText
    sentiment: Sentiment
    tags: str
    notice: str | None = None


class FaceCoordinates(Struct, frozen=True):
    """A face's box in pixels of the upright picture."""

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


class Label(Struct, frozen=True):
    """One class of the classifier."""

    tag: str
    confidence: Confidence


class Nudity(Struct, frozen=True, rename="camel", kw_only=True):
    """The judgement of a photo."""

    url: str | UnsetType = UNSET
    is_nude: bool
    confidence: Confidence


class Language(Struct, frozen=True):
    """One language code; `packages` are the Debian packages that hold its data."""

    code: str
    name: str
    installed: bool
    engine: str
    packages: list[str]
    tag: Annotated[str, Meta(description="BCP 47 tag, which can be sent instead of the code.")]
    script: Annotated[str, Meta(description="ISO 15924 code of its script.")]
    route: Annotated[str, Meta(description="How its pages are read.")]
    error_rate: ErrorRate
    photo_error_rate: ErrorRate


class ColorizeAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/colorize."""

    result: Colorized
    details: AnswerDetails | None = None


class OcrAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/ocr."""

    result: Text
    details: AnswerDetails | None = None


class AnalyzedOcrAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/analyzed-ocr."""

    result: Analysis
    details: AnswerDetails | None = None


class AnalyzedTextAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/analyzed-text."""

    result: TextAnalysis
    details: AnswerDetails | None = None


class EmotionsAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/emotions: the faces from left to right."""

    result: list[Face]
    details: AnswerDetails | None = None


class ClassifyAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/classify: the best labels, most confident first."""

    result: list[Label]
    details: AnswerDetails | None = None


class NudityAnswer(Struct, frozen=True, omit_defaults=True):
    """Answer of POST /api/v1/nudity."""

    result: Nudity
    details: AnswerDetails | None = None


class LanguagesAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/languages, ordered by code."""

    result: list[Language]


class UsageOfDay(Struct, frozen=True):
    """What an account did on a day, in UTC, at one endpoint: requests and the credits they cost."""

    day: date
    endpoint: str
    requests: int
    credits: int


class Usage(Struct, frozen=True):
    """What an account has and did; without a balance (null) it is not metered.

    `held` is what calls that still run have reserved, `spent` what all calls have ever cost.
    """

    account: str
    balance: int | None
    held: int
    spent: int
    days: list[UsageOfDay]


class UsageAnswer(Struct, frozen=True):
    """Answer of GET /api/v1/usage: the last 31 days, newest first."""

    result: Usage


class ErrorBody(Struct, frozen=True):
    """What went wrong: a stable code, what to change, and the id to report."""

    code: str
    message: str
    request_id: str


class ErrorAnswer(Struct, frozen=True):
    """Answer of every request that failed."""

    error: ErrorBody
