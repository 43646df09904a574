"""What can be asked of a picture or a text, with the names and defaults of the REST API."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from imagemesh.client.answers import (
    Analysis,
    Colorized,
    Face,
    Label,
    Nudity,
    Text,
)
from imagemesh.client.document_answers import HostedPdf, ReadPages

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[ResultT]):
    """Every request; `details` adds the model, its version, its device and the time."""

    details: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorizeRequest(Request[Colorized]):
    """Colour a photo; the gateway hosts it for `expires_in_s`, its own time where that is None."""

    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest(Request[ResultT]):
    """Read a picture or a document; lines less sure than `min_confidence` are left out.

    `pages` is such as "1-3,7"; all are read where it is None.
    """

    lang: str = "eng"
    min_confidence: float = 0.0
    pages: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OcrRequest(ReadRequest[Text]):
    """Read the text, which stays whole: unsure lines are left out of `details` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesRequest(ReadRequest[ReadPages]):
    """Read the pages with their blocks, lines and words."""

    format: str = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRequest(ReadRequest[str]):
    """Read what comes as a document: hocr, alto or tsv."""

    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfRequest(ReadRequest[HostedPdf]):
    """Make a PDF whose text can be found."""

    format: str = "pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedOcrRequest(Request[Analysis]):
    """Read the English text of a picture and analyze it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedTextRequest(Request[Analysis]):
    """Analyze an English text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionsRequest(Request[tuple[Face, ...]]):
    """Read the visible expressions of the faces, `limit` of each."""

    limit: int = 7
    min_confidence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyRequest(Request[tuple[Label, ...]]):
    """Name what a photo shows, with `limit` labels at most."""

    limit: int = 5
    min_confidence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NudityRequest(Request[Nudity]):
    """Judge whether a photo holds nudity."""
