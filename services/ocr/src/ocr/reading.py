"""Reader of an image: straightens the page, picks a route by language, corrects its turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelkit.doubts import ImageWarning
from modelkit.images import RgbImage
from ocr.blocks import find_blocks
from ocr.doubts import find_doubts
from ocr.engines import LineEngine, PageLine, evidence, mean_confidence
from ocr.guessing import ImageLanguageGuesser
from ocr.ink import TiledImage
from ocr.languages import PP_OCR, TESSERACT, Language, run_leftward
from ocr.mixed import MixedReader
from ocr.ppocr import LineRecognizer
from ocr.preparation import Corners, FittedImage, turn, turn_back
from ocr.routes import NO_SCRIPTS, ReadLines, Routes
from ocr.scripts import script_of
from ocr.skew import StraightPage, find_skew, straighten
from ocr.tesseract import Tesseract

# A page below this is asked for its orientation: clean upright pages have .95 and more, pages that
# stand on their head .75 and less.
_SURE_CONFIDENCE = 0.9
_HEAD_CONFIDENCE = 0.8  # below it a page that nothing else tells about is tried upside down
_LYING_ASPECT = 2.0  # least heights of a line that lies, in widths; a lone I is no such line
_TURNED_EVIDENCE = 0.8  # of the upright reading; a wrong turn leaves half or less
# Crops lay leaning lines level, but columns around a figure lose their order: at 1.2 degrees the
# CER of 8087_054 was .51 as it stands and .011 straightened. Finding the lines again takes .6 s.
_MOST_SKEW_DEGREES = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Result of reading an image.

    Attributes:
        lines: in reading order, their corners in pixels of the upright image.
        rotation_degrees: how far it was turned clockwise to read it.
        route: how it was read: one of the routes of `ocr.languages`.
        languages: the languages it was read in, as asked for or found.
        blocks: the corners of each block, clockwise from its upper left, in reading order.
        skew_degrees: how far the lines lean clockwise after the turn, in [-45, 45].
        warnings: what may be missing or wrong.
        recognizer: the model of a single script that read it; empty for the other engines.
    """

    lines: tuple[PageLine, ...]
    rotation_degrees: int
    route: str
    languages: tuple[Language, ...]
    blocks: tuple[Corners, ...] = ()
    skew_degrees: float = 0.0
    warnings: tuple[ImageWarning, ...] = ()
    recognizer: str = ""

    @property
    def text(self) -> str:
        """Lines joined by line breaks."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The mean confidence weighted by length, in [0, 1]; 0 without text."""
        return mean_confidence(self.lines)

    @property
    def engine(self) -> str:
        """`PP_OCR`, `TESSERACT` or the recognizer; where both engines read, `PP_OCR`."""
        return TESSERACT if self.route.startswith(TESSERACT) else self.recognizer or PP_OCR

    @property
    def right_to_left(self) -> bool:
        """Whether lines, and so their corners, begin at their right end."""
        return run_leftward(self.languages)

    @property
    def language(self) -> str:
        """Codes of the languages joined by "+"."""
        return "+".join(language.code for language in self.languages)

    def above(self, min_confidence: float) -> "Page":
        """Return the page without the lines below a confidence and the blocks left empty."""
        kept = [line for line in self.lines if line.confidence >= min_confidence]
        blocks = sorted({line.block for line in kept})
        lines = [replace(line, block=blocks.index(line.block)) for line in kept]
        return replace(
            self, lines=tuple(lines), blocks=tuple(self.blocks[block] for block in blocks)
        )


class Reader:
    """Reader of images with both engines; for one thread.

    Args:
        ppocr: PP-OCR.
        tesseract: Tesseract with the languages that are installed.
        by_script: Recognizers of single scripts, by their ISO 15924 codes.
    """

    def __init__(
        self,
        ppocr: LineEngine,
        tesseract: Tesseract,
        by_script: Mapping[str, LineRecognizer] = NO_SCRIPTS,
    ) -> None:
        self._tesseract = tesseract
        self._routes = Routes(ppocr, tesseract, by_script)
        self._mixed = MixedReader(self._routes, ImageLanguageGuesser(ppocr, tesseract))

    def is_installed(self, language: Language) -> bool:
        """Return whether a language can be read now."""
        return self._routes.is_installed(language)

    def recognizer_of(self, language: Language) -> str:
        """Return the name of the recognizer of a single script that reads a language, or ""."""
        return self._routes.recognizer_of(language)

    def read(self, fitted: FittedImage, *languages: Language) -> Page:
        """Read an image.

        Args:
            fitted: the image, upright as its EXIF says; large originals need not stay in memory.
            languages: the languages of the text; without any, the language is found.

        Raises:
            LanguageNotInstalled: Tesseract's data of a language is missing.
        """
        image, page = TiledImage(fitted.pixels), StraightPage(fitted.pixels, 0.0)
        read = self._routes.read_prose(image, languages)
        if read is None:
            page, image, pieces = self._straighten(image)
            read = self._read_pieces(page.pixels, pieces, languages)
        degrees = self._find_turn(image, read)
        if degrees:
            turned = TiledImage(turn(page.pixels, degrees))
            again = self._read_pieces(turned.pixels, self._routes.detect(turned), languages)
            # PP-OCR reads the lines of a page on its side as well, only in the wrong order.
            if evidence(again.lines) > _TURNED_EVIDENCE * evidence(read.lines):
                read, image = again, turned
            else:
                degrees = 0
        warnings = find_doubts(image, [line.corners for line in read.lines], scale=fitted.scale)
        return replace(_page(read, _Way(fitted, page, degrees)), warnings=tuple(warnings))

    def close(self) -> None:
        """Free Tesseract's memory."""
        self._tesseract.close()

    def _straighten(self, image: TiledImage) -> tuple[StraightPage, TiledImage, list[Corners]]:
        """Return the page with level lines, its image, and the pieces of its lines."""
        pieces = self._routes.detect(image)
        skew = find_skew(pieces)
        if abs(skew) <= _MOST_SKEW_DEGREES:
            return StraightPage(image.pixels, skew), image, pieces
        page = straighten(image.pixels, skew, pieces)
        image = TiledImage(page.pixels)
        return page, image, self._routes.detect(image)

    def _read_pieces(
        self, pixels: RgbImage, pieces: Sequence[Corners], languages: tuple[Language, ...]
    ) -> ReadLines:
        if languages:
            return self._routes.read(pixels, pieces, languages)
        return self._mixed.read(pixels, pieces)

    def _find_turn(self, image: TiledImage, read: ReadLines) -> int:
        """Return the clockwise turn in degrees that the page needs, judged by its lines."""
        confidence = mean_confidence(read.lines)
        sides = [np.ptp(line.corners, axis=0) for line in read.lines]
        tall = sum(bool(height > _LYING_ASPECT * width) for width, height in sides)
        lies = tall > len(read.lines) / 2
        is_told = all(language.orientation for language in read.languages)
        if not is_told or (confidence >= _SURE_CONFIDENCE and not lies):
            return 0
        # Of a long image a part tells it.
        middle = image.tiles[len(image.tiles) // 2].of(image.pixels)
        degrees = self._tesseract.clockwise_turn(np.ascontiguousarray(middle))
        if degrees is not None:
            return degrees
        if lies and not any(language.may_run_downwards for language in read.languages):
            # PP-OCR reads upright boxes as lines that lie on their right side.
            return 270 if confidence >= _SURE_CONFIDENCE else 90
        return 180 if 0 < confidence < _HEAD_CONFIDENCE else 0


@dataclass(frozen=True, slots=True)
class _Way:
    """Mapping of corners from the page as it was read to the upright image."""

    fitted: FittedImage
    page: StraightPage
    degrees: int

    def back(self, corners: Corners) -> Corners:
        height, width = self.page.pixels.shape[:2]
        corners = turn_back(corners, self.degrees, height=height, width=width)
        return self.fitted.to_original(self.page.to_leaning(corners))


def _page(read: ReadLines, way: _Way) -> Page:
    """Return a page with its places in the upright image."""
    blocks = find_blocks([line.corners for line in read.lines])
    shift = -1 if run_leftward(read.languages) else 0

    def place(corners: Corners) -> Corners:
        return np.roll(way.back(corners), shift, axis=0)

    lines = [
        replace(
            line,
            corners=place(line.corners),
            words=tuple(replace(word, corners=place(word.corners)) for word in line.words),
            block=block,
            script=script_of(line.text),
            language=line.language or language_of(line.text, read.languages),
        )
        for line, block in zip(read.lines, blocks.of_lines, strict=True)
    ]
    return Page(
        tuple(lines),
        way.degrees,
        read.route,
        read.languages,
        tuple(_from_upper_left(way.back(corners)) for corners in blocks.corners),
        way.page.skew_degrees,
        recognizer=read.recognizer,
    )


def language_of(text: str, languages: Sequence[Language]) -> str:
    """Return the code of the first language in whose script a line is; else of the first."""
    script = script_of(text)
    found = (language.code for language in languages if script in language.letter_scripts)
    return next(found, languages[0].code)


def _from_upper_left(corners: Corners) -> Corners:
    rolled: Corners = np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0)
    return rolled
