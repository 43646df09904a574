"""Routes from an image to its lines, and the choice between them.

Tesseract's own layout drops lines of some scripts and most of a photo, so a detector finds the
lines, and the engine that reads the language best reads them one by one.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain, islice
from types import MappingProxyType

import numpy as np

from modelkit.images import RgbImage
from ocr.engines import (
    LineEngine,
    LineReader,
    PageLine,
    ReadText,
    evidence,
    mean_confidence,
)
from ocr.finding import find_pieces
from ocr.ink import TiledImage, is_plain_stroke
from ocr.languages import (
    BOTH_LINES,
    PP_OCR,
    PP_OCR_LINES,
    TESSERACT_LINES,
    TESSERACT_PAGE,
    Language,
    run_leftward,
)
from ocr.latin_words import restore_latin_words
from ocr.layout import Row, order_rows, row_corners
from ocr.ppocr import MIN_LINE_CONFIDENCE, LineRecognizer
from ocr.preparation import Corners, aspect, box_corners, downward, is_upright
from ocr.prose import read_prose
from ocr.tesseract import MAX_LINE_ASPECT, Tesseract
from ocr.tiling import cut_tiles

_LINE_SHARE = 0.4  # an image is one line when its only row is this share of its height
# Below this the lines are doubted and Tesseract's own layout is tried: Nastaliq, whose lines reach
# into each other, has .6; other scripts have .8 and more, on photos too.
_DOUBTFUL_CONFIDENCE = 0.7
# Where both engines see the same line but for a few letters, Tesseract knows the letters of the
# language and PP-OCR does not; where they see different lines, as on a receipt, PP-OCR sees better.
_SAME_LINE = 0.8  # least share of letters in common
_TRUSTED_CONFIDENCE = 0.8  # of Tesseract
_STROKES = frozenset("1l|I!丨一-_/:")
_WIDE_SCRIPTS = frozenset({"Hans", "Hant", "Jpan"})

NO_SCRIPTS: Mapping[str, LineRecognizer] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ReadLines:
    """Lines of an image in reading order, and how they were read.

    Attributes:
        lines: in reading order.
        route: a route of `ocr.languages`.
        languages: as asked for or found.
        recognizer: the model of a single script that read them; empty for the other engines.
    """

    lines: list[PageLine]
    route: str
    languages: tuple[Language, ...]
    recognizer: str = ""


class Routes:
    """Routes of the installed engines; for one thread.

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
        self._ppocr = ppocr
        self._tesseract = tesseract
        self._by_script = by_script

    def is_installed(self, language: Language) -> bool:
        """Return whether a language can be read now."""
        if language.engine == PP_OCR or self._script_reader((language,)) is not None:
            return True
        return self._tesseract.has(language)

    def recognizer_of(self, language: Language) -> str:
        """Return the name of the recognizer of a single script that reads a language, or ""."""
        own = self._script_reader((language,))
        return "" if own is None else own.name

    def detect(self, image: TiledImage) -> list[Corners]:
        """Return the corners of every piece of a line, in no order."""
        return find_pieces(self._ppocr, image)

    def read_prose(self, image: TiledImage, languages: tuple[Language, ...]) -> ReadLines | None:
        """Read clean prose in one language of Tesseract; None for other images and languages."""
        if len(languages) != 1 or self._script_reader(languages) is not None:
            return None
        (language,) = languages
        is_its = language.is_quick or language.route == TESSERACT_LINES
        if not is_its or not self._tesseract.has(language):
            return None
        found = read_prose(self._tesseract, image, language)
        if found is None:
            return None
        lines, route = found
        if language.right_to_left:
            lines = restore_latin_words(self._ppocr, image.pixels, lines)
        return ReadLines(lines, route, languages)

    def read(
        self,
        pixels: RgbImage,
        pieces: Sequence[Corners],
        languages: tuple[Language, ...],
        *,
        route: str = "",
    ) -> ReadLines:
        """Read an image in some languages, by their own route unless another one is given.

        Args:
            pixels: the image.
            pieces: what `detect` found in it.
            languages: one or more.
            route: `PP_OCR_LINES`, `TESSERACT_LINES`, `BOTH_LINES` or empty.

        Raises:
            LanguageNotInstalled: Tesseract's data of a language is missing.
        """
        own = None if route else self._script_reader(languages)
        if own is not None:
            lines = _read_with_ppocr(own, pixels, pieces, languages)
            return ReadLines(lines, PP_OCR_LINES, languages, own.name)
        route = route or self._choose(languages)
        if route == PP_OCR_LINES:
            lines = _read_with_ppocr(self._ppocr, pixels, pieces, languages)
        elif route == BOTH_LINES:
            lines = self._read_with_both(pixels, pieces, languages)
        else:
            lines, route = self._read_with_tesseract(pixels, pieces, languages)
        return ReadLines(lines, route, languages)

    def read_rows(
        self, pixels: RgbImage, rows: Sequence[Corners], language: Language
    ) -> list[ReadText]:
        """Read single rows in a language by its own route, in their order.

        Raises:
            LanguageNotInstalled: Tesseract's data of the language is missing.
        """
        own = self._script_reader((language,))
        if own is not None:
            return own.read_lines(pixels, rows)
        route = self._choose((language,))
        if route == PP_OCR_LINES:
            return self._ppocr.read_lines(pixels, rows)
        by_tesseract = self._tesseract.read_lines(pixels, rows, language)
        if route == TESSERACT_LINES:
            return by_tesseract
        by_ppocr = self._ppocr.read_lines(pixels, rows)
        return [_better(*pair) for pair in zip(by_ppocr, by_tesseract, strict=True)]

    def _script_reader(self, languages: Sequence[Language]) -> LineRecognizer | None:
        """Return the recognizer that knows all the languages; each of them knows English too."""
        scripts = {one.script if one.recognizer else "" for one in languages if one.code != "eng"}
        return self._by_script.get(scripts.pop()) if len(scripts) == 1 else None

    def _choose(self, languages: Sequence[Language]) -> str:
        if all(language.route == TESSERACT_LINES for language in languages):
            return TESSERACT_LINES
        return BOTH_LINES if self._of_tesseract(languages) else PP_OCR_LINES

    def _of_tesseract(self, languages: Sequence[Language]) -> list[Language]:
        """Return the languages that Tesseract reads: PP-OCR can do without its help."""
        return [
            language
            for language in languages
            if language.route == TESSERACT_LINES
            or (language.route == BOTH_LINES and self._tesseract.has(language))
        ]

    def _read_with_tesseract(
        self, pixels: RgbImage, pieces: Sequence[Corners], languages: Sequence[Language]
    ) -> tuple[list[PageLine], str]:
        to_left = run_leftward(languages)
        rows = order_rows(pieces, right_to_left=to_left)
        corners = [row_corners(pieces, row) for row in rows]
        if len(rows) == 1 and _is_whole(corners[0], pixels):
            read = self._tesseract.read_line(pixels, *languages)
            whole = box_corners(0, 0, pixels.shape[1], pixels.shape[0])
            return _lines([whole], [read]), TESSERACT_LINES
        lines = _lines(corners, self._read_rows(pixels, pieces, rows, languages))
        if to_left:
            lines = restore_latin_words(self._ppocr, pixels, lines)
        is_long = len(cut_tiles(*pixels.shape[:2])) > 1  # Tesseract's layout of it takes a minute
        if lines and (is_long or mean_confidence(lines) >= _DOUBTFUL_CONFIDENCE):
            return lines, TESSERACT_LINES
        page = self._tesseract.read_page(pixels, *languages)
        is_better = evidence(page) > evidence(lines)
        return (page, TESSERACT_PAGE) if is_better else (lines, TESSERACT_LINES)

    def _read_with_both(
        self, pixels: RgbImage, pieces: Sequence[Corners], languages: Sequence[Language]
    ) -> list[PageLine]:
        rows = order_rows(pieces, right_to_left=run_leftward(languages))
        by_piece = self._ppocr.read_lines(pixels, pieces)
        by_ppocr = [_merge([by_piece[index] for index in row], languages) for row in rows]
        helped = self._of_tesseract(languages) or languages
        by_tesseract = self._read_rows(pixels, pieces, rows, helped)
        is_foreign = any(language.route == PP_OCR_LINES for language in languages)
        better = [
            max(pair, key=lambda read: read.evidence) if is_foreign else _better(*pair)
            for pair in zip(by_ppocr, by_tesseract, strict=True)
        ]
        lines = _lines([row_corners(pieces, row) for row in rows], better)
        return [line for line in lines if line.confidence >= MIN_LINE_CONFIDENCE]

    def _read_rows(
        self,
        pixels: RgbImage,
        pieces: Sequence[Corners],
        rows: Sequence[Row],
        languages: Sequence[Language],
    ) -> list[ReadText]:
        """Read each row by Tesseract at once or, where it would be squeezed, piece by piece."""
        parts = []
        for row in rows:
            whole = row_corners(pieces, row)
            is_short = aspect(whole) <= MAX_LINE_ASPECT
            parts.append([whole] if is_short else [pieces[index] for index in row])
        read = iter(self._tesseract.read_lines(pixels, list(chain(*parts)), *languages))
        texts = []
        for row_parts in parts:
            found = [text for text in islice(read, len(row_parts)) if text.text]
            words = tuple(word for text in found for word in text.words)
            texts.append(ReadText(" ".join(t.text for t in found), mean_confidence(found), words))
        return texts


def _read_with_ppocr(
    ppocr: LineReader, pixels: RgbImage, pieces: Sequence[Corners], languages: Sequence[Language]
) -> list[PageLine]:
    read = _without_bars(ppocr.read_lines(pixels, pieces), pixels, pieces, languages)
    kept = [
        index
        for index, piece in enumerate(read)
        if piece.text and piece.confidence >= MIN_LINE_CONFIDENCE
    ]
    laid = _laid([pieces[index] for index in kept], languages)
    read = [read[index] for index in kept]
    rows = order_rows(laid, right_to_left=run_leftward(languages))
    texts = [_merge([read[index] for index in row], languages) for row in rows]
    return _lines([row_corners(laid, row) for row in rows], texts)


def _without_bars(
    read: list[ReadText],
    pixels: RgbImage,
    pieces: Sequence[Corners],
    languages: Sequence[Language],
) -> list[ReadText]:
    """Return what was read with a lone upright stroke as the letter I.

    The recognizer reads it as any of a dozen signs that look alike.
    """
    if not any(language.script == "Latn" for language in languages):
        return read
    result = []
    for piece, corners in zip(read, pieces, strict=True):
        if piece.text in _STROKES and is_plain_stroke(pixels, corners):
            words = tuple(replace(word, text="I") for word in piece.words)
            result.append(ReadText("I", max(piece.confidence, MIN_LINE_CONFIDENCE), words))
        else:
            result.append(piece)
    return result


def _laid(pieces: Sequence[Corners], languages: Sequence[Language]) -> list[Corners]:
    """Return the pieces with their corners from where reading starts."""
    upright = sum(is_upright(piece) for piece in pieces)
    may = any(language.may_run_downwards for language in languages)
    return [downward(piece) if may and upright > len(pieces) / 2 else piece for piece in pieces]


def _merge(pieces: Sequence[ReadText], languages: Sequence[Language]) -> ReadText:
    """Join the pieces of a row."""
    kept = [piece for piece in pieces if piece.text and piece.confidence >= MIN_LINE_CONFIDENCE]
    if not kept:
        return ReadText("", 0.0)
    words = [word for piece in kept for word in piece.words]
    if not any(language.script in _WIDE_SCRIPTS for language in languages):
        words = [replace(word, text=_narrow(word.text)) for word in words]
    text = " ".join(word.text for word in words)
    return ReadText(text, mean_confidence(kept), tuple(words))


def _better(ppocr: ReadText, tesseract: ReadText) -> ReadText:
    alike = SequenceMatcher(None, ppocr.text, tesseract.text, autojunk=False).ratio()
    if alike >= _SAME_LINE and tesseract.confidence >= _TRUSTED_CONFIDENCE:
        return tesseract
    return max(ppocr, tesseract, key=lambda read: read.evidence)


def _lines(rows: Sequence[Corners], texts: Sequence[ReadText]) -> list[PageLine]:
    """Return the lines of the rows that have a text."""
    return [
        PageLine(read.text, read.confidence, corners, read.words)
        for corners, read in zip(rows, texts, strict=True)
        if read.text
    ]


def _is_whole(row: Corners, pixels: RgbImage) -> bool:
    """Return whether a row is all that an image shows."""
    is_high = float(np.hypot(*(row[3] - row[0]))) >= _LINE_SHARE * pixels.shape[0]
    return is_high and bool(pixels.shape[1] <= MAX_LINE_ASPECT * pixels.shape[0])


def _narrow(text: str) -> str:
    """Return full-width letters and signs as the usual ones; the recognizer confuses the two."""
    return "".join(
        unicodedata.normalize("NFKC", letter) if "\uff01" <= letter <= "\uff5e" else letter
        for letter in text
    )
