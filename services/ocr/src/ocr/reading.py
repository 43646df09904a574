"""Reads a picture: chooses the engine by language, checks its answer, turns pages that lie."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from modelkit.images import RgbImage
from ocr.languages import PP_OCR, TESSERACT, Language
from ocr.layout import order_rows, row_corners
from ocr.pictures import Corners, FittedImage, crop, flatten_light, grow, turn, turn_back
from ocr.ppocr import MAX_LINE_ASPECT, MIN_LINE_CONFIDENCE, PpOcr
from ocr.tesseract import PageLine, Tesseract
from servicekit.errors import ModelNotInstalled

# A page below this is asked for its orientation: clean upright pages have .95 and more, pages that
# stand on their head .75 and less.
_SURE_CONFIDENCE = 0.9
_HEAD_CONFIDENCE = 0.8  # below it a page that nothing else tells about is tried upside down
_TURNED_EVIDENCE = 0.8  # of the upright reading; a wrong turn leaves half or less
# Tesseract's page is kept at this mean confidence and share of the detected rows; else the rows are
# read one by one (measured on 102 rendered pages: mean CER 2.2 % against 4.0 %).
_PAGE_CONFIDENCE = 0.85
_PAGE_ROWS = 0.95
_ROW_GROWTH = 0.05  # heights; the detector cuts off accents and descenders
_ROW_HEIGHT_PX = 44  # Tesseract's best size of a line
_ROW_CONFIDENCE = 0.8  # below it a row is tried again without the look for words
_LINE_SHARE = 0.4  # a picture is one line when its only row is this share of its height
_LINE_ASPECT = 8.0  # the same without a detector: wider than so many heights
_WIDE_LETTERS = frozenset({"chi_sim", "chi_tra", "jpn"})


@dataclass(frozen=True, slots=True)
class Page:
    """What was read from a picture.

    Attributes:
        lines: in reading order, their corners in pixels of the upright picture.
        rotation_degrees: how far it was turned clockwise to read it.
        engine: `PP_OCR` or `TESSERACT`.
    """

    lines: tuple[PageLine, ...]
    rotation_degrees: int
    engine: str

    @property
    def text(self) -> str:
        """The lines with a line break between two."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The mean confidence weighted by length, in [0, 1]; 0 without text."""
        return _mean_confidence(self.lines)


class Reader:
    """Both engines; for one thread.

    Args:
        ppocr: The PP-OCR models, or why they are missing.
        tesseract: Tesseract with the languages that are installed.
    """

    def __init__(self, ppocr: PpOcr | ModelNotInstalled, tesseract: Tesseract) -> None:
        self._ppocr = ppocr if isinstance(ppocr, PpOcr) else None
        self._missing = ppocr if isinstance(ppocr, ModelNotInstalled) else None
        self._tesseract = tesseract

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

    def read(self, fitted: FittedImage, language: Language) -> Page:
        """Read a picture.

        Args:
            fitted: the picture, upright as its EXIF says; large originals need not stay in memory.
            language: the language of the text.

        Raises:
            ModelNotInstalled: the PP-OCR models are missing.
            LanguageNotInstalled: Tesseract's data of the language is missing.
        """
        engine = self.engine_of(language)
        lines = self._read_fitted(fitted.pixels, language, engine)
        degrees = self._find_turn(fitted.pixels, lines, language)
        if degrees:
            again = self._read_fitted(turn(fitted.pixels, degrees), language, engine)
            # PP-OCR reads the lines of a page on its side as well, only in the wrong order.
            if _evidence(again) > _TURNED_EVIDENCE * _evidence(lines):
                lines = again
            else:
                degrees = 0
        height, width = fitted.pixels.shape[:2]
        placed = []
        for line in lines:
            corners = turn_back(line.corners, degrees, height=height, width=width)
            corners = fitted.to_original(corners)
            if language.right_to_left:
                corners = np.roll(corners, -1, axis=0)
            placed.append(PageLine(line.text, line.confidence, corners))
        return Page(tuple(placed), degrees, engine)

    def close(self) -> None:
        """Free Tesseract's memory."""
        self._tesseract.close()

    def _find_turn(self, pixels: RgbImage, lines: Sequence[PageLine], language: Language) -> int:
        """Return how far to turn the page clockwise, in degrees, judged by what was read."""
        confidence = _mean_confidence(lines)
        tall = sum(_height(line.corners) > _width(line.corners) for line in lines)
        lies = tall > len(lines) / 2
        if not language.orientation or (confidence >= _SURE_CONFIDENCE and not lies):
            return 0
        degrees = self._tesseract.clockwise_turn(pixels)
        if degrees is not None:
            return degrees
        if lies and language.code not in _WIDE_LETTERS:  # those are also written downwards
            # PP-OCR reads upright boxes as lines that lie on their right side.
            return 270 if confidence >= _SURE_CONFIDENCE else 90
        return 180 if 0 < confidence < _HEAD_CONFIDENCE else 0

    def _read_fitted(self, pixels: RgbImage, language: Language, engine: str) -> list[PageLine]:
        if engine == PP_OCR:
            return self._read_with_ppocr(pixels, language)
        return self._read_with_tesseract(pixels, language)

    def _read_with_ppocr(self, pixels: RgbImage, language: Language) -> list[PageLine]:
        if self._ppocr is None:
            raise ModelNotInstalled(str(self._missing)) from self._missing
        pieces = self._ppocr.detect(pixels)
        read = self._ppocr.read_lines(pixels, pieces)
        kept = [
            index
            for index, piece in enumerate(read)
            if piece.text and piece.confidence >= MIN_LINE_CONFIDENCE
        ]
        pieces, read = [pieces[index] for index in kept], [read[index] for index in kept]
        lines = []
        for row in order_rows(pieces):
            text = " ".join(read[index].text for index in row)
            if language.code not in _WIDE_LETTERS:
                text = _narrow(text)
            weights = [len(read[index].text) for index in row]
            confidence = float(
                np.average([read[index].confidence for index in row], weights=weights)
            )
            lines.append(PageLine(text, confidence, row_corners(pieces, row)))
        return lines

    def _read_with_tesseract(self, pixels: RgbImage, language: Language) -> list[PageLine]:
        if self._ppocr is None:
            if pixels.shape[1] > _LINE_ASPECT * pixels.shape[0]:
                return self._read_as_line(pixels, language)
            return self._tesseract.read_page(pixels, language)
        pieces = self._ppocr.detect(pixels)
        rows = [
            row_corners(pieces, row)
            for row in order_rows(pieces, right_to_left=language.right_to_left)
        ]
        if len(rows) == 1 and _height(rows[0]) >= _LINE_SHARE * pixels.shape[0]:
            return self._read_as_line(pixels, language)
        if language.by_line and rows:
            return self._read_rows(pixels, rows, language)
        lines = self._tesseract.read_page(pixels, language)
        is_whole = len(lines) >= _PAGE_ROWS * len(rows)
        if not rows or (is_whole and _mean_confidence(lines) >= _PAGE_CONFIDENCE):
            return lines
        by_rows = self._read_rows(pixels, rows, language)
        return by_rows if _evidence(by_rows) > _evidence(lines) else lines

    def _read_as_line(self, pixels: RgbImage, language: Language) -> list[PageLine]:
        read = self._tesseract.read_line(pixels, language)
        if not read.text:
            return []
        height, width = (float(side) for side in pixels.shape[:2])
        corners = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
        return [PageLine(read.text, read.confidence, corners)]

    def _read_rows(
        self, pixels: RgbImage, rows: Sequence[Corners], language: Language
    ) -> list[PageLine]:
        grey = flatten_light(pixels)
        lines = []
        for corners in rows:
            line = _to_height(crop(grey, grow(corners, _ROW_GROWTH), max_aspect=MAX_LINE_ASPECT))
            read = self._tesseract.read_line(line, language)
            if read.confidence < _ROW_CONFIDENCE:
                raw = self._tesseract.read_line(line, language, raw=True)
                read = max(read, raw, key=lambda text: text.confidence)
            if read.text:
                lines.append(PageLine(read.text, read.confidence, corners))
        return lines


def _mean_confidence(lines: Sequence[PageLine]) -> float:
    letters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / letters if letters else 0.0


def _evidence(lines: Sequence[PageLine]) -> float:
    """Return how much was read and how surely: a guess at even odds counts nothing."""
    return sum(max(0.0, line.confidence - 0.5) * len(line.text) for line in lines)


def _height(corners: Corners) -> float:
    return float(np.hypot(*(corners[3] - corners[0])))


def _width(corners: Corners) -> float:
    return float(np.hypot(*(corners[1] - corners[0])))


def _to_height(line: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _ROW_HEIGHT_PX / line.shape[0]
    size = (max(1, round(line.shape[1] * scale)), _ROW_HEIGHT_PX)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(line, size, interpolation=method), np.uint8)


def _narrow(text: str) -> str:
    """Return full-width letters and signs as the usual ones; the recogniser confuses the two."""
    return "".join(
        unicodedata.normalize("NFKC", letter) if "\uff01" <= letter <= "\uff5e" else letter
        for letter in text
    )
