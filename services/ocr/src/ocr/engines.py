"""Protocols of OCR engines, and the lines and words that they return."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modelkit.images import RgbImage
from ocr.preparation import Corners


@dataclass(frozen=True, slots=True)
class PageWord:
    """Word of a line with its corners in pixels; `confidence` is in [0, 1].

    In a script without spaces it is a piece that the engine read as one word.
    """

    text: str
    confidence: float
    corners: Corners


@dataclass(frozen=True, slots=True)
class ReadText:
    """Text of one line; `confidence` is in [0, 1], `words` are in reading order."""

    text: str
    confidence: float
    words: tuple[PageWord, ...] = ()

    @property
    def evidence(self) -> float:
        """Amount of text weighted by confidence; a confidence of 0.5 or less counts nothing."""
        return max(0.0, self.confidence - 0.5) * len(self.text)


@dataclass(frozen=True, slots=True)
class PageLine:
    """Line of text with its corners in pixels.

    Attributes:
        text: without a line break.
        confidence: in [0, 1].
        corners: of the whole line.
        words: in reading order; they spell `text`, but for the spaces.
        block: which block of the page it is in, counted from 0.
        script: the ISO 15924 code of most of its letters; "Zyyy" without letters.
        language: the code of the language it was read in; empty while that is not settled.
    """

    text: str
    confidence: float
    corners: Corners
    words: tuple[PageWord, ...] = ()
    block: int = 0
    script: str = "Zyyy"
    language: str = ""


class Detector(Protocol):
    """Text detector."""

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return the corners of every piece of a line, in pixels of `pixels`, in no order."""


class LineReader(Protocol):
    """Recognizer of detected lines."""

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[ReadText]:
        """Read each line; the answers are in the order of `lines`, words in pixels of `pixels`."""


class LineEngine(Detector, LineReader, Protocol):
    """Detector and recognizer."""


def mean_confidence(lines: Sequence[PageLine | ReadText]) -> float:
    """Return the mean confidence weighted by length, in [0, 1]; 0 without text."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / letters if letters else 0.0


def evidence(lines: Sequence[PageLine]) -> float:
    """Return the evidence of all lines of a page; see `ReadText.evidence`."""
    return sum(ReadText(line.text, line.confidence).evidence for line in lines)
