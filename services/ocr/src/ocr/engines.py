"""What every engine gives: lines with their text, their places and how sure it is of them."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def mean_confidence(lines: Sequence[PageLine | ReadText]) -> float:
    """Return the mean confidence weighted by length, in [0, 1]; 0 without text."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / letters if letters else 0.0


def evidence(lines: Sequence[PageLine]) -> float:
    """Return how much was read on a page and how surely."""
    return sum(ReadText(line.text, line.confidence).evidence for line in lines)
