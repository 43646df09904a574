"""What an engine can do: detect lines, recognise them, or read a whole page by its own layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modelkit.images import RgbImage
from ocr.pictures import Corners


@dataclass(frozen=True, slots=True)
class ReadText:
    """What an engine read in one line; `confidence` is in [0, 1]."""

    text: str
    confidence: float

    @property
    def evidence(self) -> float:
        """How much was read and how surely: a guess at even odds counts nothing."""
        return max(0.0, self.confidence - 0.5) * len(self.text)


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line that was read, with its place in pixels."""

    text: str
    confidence: float
    corners: Corners


class Detector(Protocol):
    """Finds text."""

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return the corners of every piece of a line, in pixels of `pixels`, in no order."""


class LineReader(Protocol):
    """Reads lines that were found."""

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[ReadText]:
        """Read each line; the answers are in the order of `lines`."""


class PageReader(Protocol):
    """Reads a page that it lays out itself."""

    def read_page(self, pixels: RgbImage) -> list[PageLine]:
        """Read a whole page, its lines in reading order."""


def mean_confidence(lines: Sequence[PageLine | ReadText]) -> float:
    """Return the mean confidence weighted by length, in [0, 1]; 0 without text."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / letters if letters else 0.0


def evidence(lines: Sequence[PageLine]) -> float:
    """Return how much was read on a page and how surely."""
    return sum(ReadText(line.text, line.confidence).evidence for line in lines)
