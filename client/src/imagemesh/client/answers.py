"""The answers, as the JSON of the REST API has them; those of gRPC are made the same.

A field that an answer does not have is None. Confidences are in [0, 1], times in seconds, boxes
and corners in pixels of the upright picture, origin top left.
"""

from datetime import date
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

Confidence = Annotated[float, Meta(ge=0, le=1)]

ResultT = TypeVar("ResultT")


class Model(Struct, frozen=True):
    """What gave an answer."""

    name: str
    version: str
    device: str


class TextLine(Struct, frozen=True):
    """A line of text; corners are (x, y), clockwise from where reading starts."""

    text: str
    confidence: Confidence
    corners: tuple[tuple[float, float], ...]


class Details(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What `details=True` adds; only the fields that the endpoint has."""

    model: Model
    seconds: float
    face_model: Model | None = None
    analysis_model: Model | None = None
    width: int | None = None
    height: int | None = None
    already_coloured: bool | None = None
    lang: str | None = None
    confidence: Confidence | None = None
    rotation_degrees: int | None = None
    lines: tuple[TextLine, ...] | None = None
    route: str | None = None
    threshold: Confidence | None = None
    language: str | None = None
    page_count: int | None = None


class Answer(Struct, Generic[ResultT], frozen=True, omit_defaults=True):
    """What every endpoint answers."""

    result: ResultT
    details: Details | None = None


class Colorized(Struct, frozen=True):
    """Where the coloured picture is; a `data:` URI where the server hosts none."""

    colorized: str


class Text(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was read."""

    url: str | None = None
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
    """What was found in a text; `notice` says why it was not analyzed."""

    url: str | None = None
    text: AnalyzedText
    sentiment: Sentiment
    tags: str
    notice: str | None = None


class FaceCoordinates(Struct, frozen=True):
    """The box of a face."""

    top: int
    bottom: int
    left: int
    right: int


class Emotion(Struct, frozen=True):
    """One visible expression; not what anyone feels."""

    emotion: str
    confidence: Confidence


class Face(Struct, frozen=True, rename="camel"):
    """A face: a list of one box, and its emotions, most confident first."""

    face_coordinates: tuple[FaceCoordinates, ...]
    emotions: tuple[Emotion, ...]


class Label(Struct, frozen=True):
    """One class of the classifier."""

    tag: str
    confidence: Confidence


class Nudity(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The judgement of a photo."""

    url: str | None = None
    is_nude: bool
    confidence: Confidence


class Language(Struct, frozen=True):
    """One language code; `packages` are the Debian packages that hold its data."""

    code: str
    name: str
    installed: bool
    engine: str
    packages: tuple[str, ...]
    tag: str
    script: str
    route: str
    error_rate: float
    photo_error_rate: float


class UsageOfDay(Struct, frozen=True):
    """What an account did on a day, in UTC, at one endpoint: requests and the credits they cost."""

    day: date
    endpoint: str
    requests: int
    credits: int


class Usage(Struct, frozen=True):
    """What an account has and did; without a balance (None) it is not metered.

    `held` is what calls that still run have reserved, `spent` what all calls have ever cost.
    """

    account: str
    balance: int | None
    held: int
    spent: int
    days: tuple[UsageOfDay, ...]
