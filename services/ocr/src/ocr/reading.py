"""Reads a picture: chooses the route by language, checks its answer, turns pages that lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelkit.images import RgbImage
from ocr.engines import PageLine, evidence, mean_confidence
from ocr.guessing import LanguageGuesser
from ocr.languages import PP_OCR, TESSERACT, Language
from ocr.pictures import Corners, FittedImage, turn, turn_back
from ocr.ppocr import PpOcr
from ocr.routes import ReadLines, Routes
from ocr.tesseract import Tesseract
from servicekit.errors import ModelNotInstalled

# A page below this is asked for its orientation: clean upright pages have .95 and more, pages that
# stand on their head .75 and less.
_SURE_CONFIDENCE = 0.9
_HEAD_CONFIDENCE = 0.8  # below it a page that nothing else tells about is tried upside down
_TURNED_EVIDENCE = 0.8  # of the upright reading; a wrong turn leaves half or less
_WRITTEN_DOWNWARDS = frozenset({"Hans", "Hant", "Jpan"})  # upright lines are no sign of a turn


@dataclass(frozen=True, slots=True)
class Page:
    """What was read from a picture.

    Attributes:
        lines: in reading order, their corners in pixels of the upright picture.
        rotation_degrees: how far it was turned clockwise to read it.
        route: how it was read: one of the routes of `ocr.languages`.
        languages: the languages it was read in, as asked for or found.
    """

    lines: tuple[PageLine, ...]
    rotation_degrees: int
    route: str
    languages: tuple[Language, ...]

    @property
    def text(self) -> str:
        """The lines with a line break between two."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The mean confidence weighted by length, in [0, 1]; 0 without text."""
        return mean_confidence(self.lines)

    @property
    def engine(self) -> str:
        """`PP_OCR` or `TESSERACT`; where both read, the one that can do without the other."""
        return TESSERACT if self.route.startswith(TESSERACT) else PP_OCR

    @property
    def language(self) -> str:
        """The codes of the languages with "+" between two."""
        return "+".join(language.code for language in self.languages)


class Reader:
    """Both engines; for one thread.

    Args:
        ppocr: The PP-OCR models, or why they are missing.
        tesseract: Tesseract with the languages that are installed.
    """

    def __init__(self, ppocr: PpOcr | ModelNotInstalled, tesseract: Tesseract) -> None:
        self._ppocr = ppocr if isinstance(ppocr, PpOcr) else None
        self._tesseract = tesseract
        self._routes = Routes(ppocr, tesseract)
        self._guesser = LanguageGuesser(self._ppocr, tesseract)

    @property
    def has_ppocr(self) -> bool:
        """Whether the PP-OCR models are here."""
        return self._ppocr is not None

    def engine_of(self, language: Language) -> str:
        """Return the engine that reads it here: Tesseract stands in for a missing PP-OCR."""
        if language.engine == PP_OCR and self._ppocr is None and self._tesseract.has(language):
            return TESSERACT
        return language.engine

    def is_installed(self, language: Language) -> bool:
        """Tell whether a language can be read now."""
        if self.engine_of(language) == PP_OCR:
            return self._ppocr is not None
        return self._tesseract.has(language)

    def read(self, fitted: FittedImage, *languages: Language) -> Page:
        """Read a picture.

        Args:
            fitted: the picture, upright as its EXIF says; large originals need not stay in memory.
            languages: the languages of the text; without any, the language is found.

        Raises:
            ModelNotInstalled: the PP-OCR models are missing.
            LanguageNotInstalled: Tesseract's data of a language is missing.
        """
        read = self._read_upright(fitted.pixels, languages)
        degrees = self._find_turn(fitted.pixels, read)
        if degrees:
            again = self._read_upright(turn(fitted.pixels, degrees), languages)
            # PP-OCR reads the lines of a page on its side as well, only in the wrong order.
            if evidence(again.lines) > _TURNED_EVIDENCE * evidence(read.lines):
                read = again
            else:
                degrees = 0
        return Page(
            tuple(_place(line, fitted, degrees, read.languages) for line in read.lines),
            degrees,
            read.route,
            read.languages,
        )

    def close(self) -> None:
        """Free Tesseract's memory."""
        self._tesseract.close()

    def _read_upright(self, pixels: RgbImage, languages: tuple[Language, ...]) -> ReadLines:
        pieces = self._routes.detect(pixels)
        languages = languages or (self._guesser.guess(pixels, pieces),)
        return self._routes.read(pixels, pieces, languages)

    def _find_turn(self, pixels: RgbImage, read: ReadLines) -> int:
        """Return how far to turn the page clockwise, in degrees, judged by what was read."""
        confidence = mean_confidence(read.lines)
        tall = sum(_height(line.corners) > _width(line.corners) for line in read.lines)
        lies = tall > len(read.lines) / 2
        is_told = all(language.orientation for language in read.languages)
        if not is_told or (confidence >= _SURE_CONFIDENCE and not lies):
            return 0
        degrees = self._tesseract.clockwise_turn(pixels)
        if degrees is not None:
            return degrees
        if lies and not any(language.script in _WRITTEN_DOWNWARDS for language in read.languages):
            # PP-OCR reads upright boxes as lines that lie on their right side.
            return 270 if confidence >= _SURE_CONFIDENCE else 90
        return 180 if 0 < confidence < _HEAD_CONFIDENCE else 0


def _place(
    line: PageLine, fitted: FittedImage, degrees: int, languages: Sequence[Language]
) -> PageLine:
    """Return a line with its corners in the upright original, from where reading starts."""
    height, width = fitted.pixels.shape[:2]
    corners = turn_back(line.corners, degrees, height=height, width=width)
    corners = fitted.to_original(corners)
    if all(language.right_to_left for language in languages):
        corners = np.roll(corners, -1, axis=0)
    return replace(line, corners=corners)


def _height(corners: Corners) -> float:
    return float(np.hypot(*(corners[3] - corners[0])))


def _width(corners: Corners) -> float:
    return float(np.hypot(*(corners[1] - corners[0])))
