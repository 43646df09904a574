"""Reading without a given language: detects the language of each line."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelkit.images import RgbImage
from ocr.engines import PageLine, ReadText
from ocr.guessing import ImageLanguageGuesser
from ocr.languages import Language, all_languages
from ocr.layout import order_rows, row_corners
from ocr.preparation import Corners, line_height
from ocr.routes import ReadLines, Routes
from ocr.scripts import script_of

_MOST_MISSES = 3  # guesses of a page's doubtful lines that find no further script
# A line in a script that its engine does not know is read with little confidence, or as few signs
# of which it is sure; a line of a photo is sometimes doubted as well, which costs time only.
_SURE_CONFIDENCE = 0.9
_LETTERS_PER_HEIGHT = 0.5
_LEAST_CONFIDENCE = 0.7  # of a line that is read again in another language
_LATIN = "Latn"


class MixedReader:
    """Reader of pages in unknown languages; for one thread.

    Args:
        routes: read lines in a given language.
        guesser: detects the language of lines.
    """

    def __init__(self, routes: Routes, guesser: ImageLanguageGuesser) -> None:
        self._routes = routes
        self._guesser = guesser

    def read(self, pixels: RgbImage, pieces: Sequence[Corners]) -> ReadLines:
        """Read a page in the language of most of it, and other lines in theirs.

        Args:
            pixels: (height, width, 3) uint8, sRGB.
            pieces: the corners of the pieces of lines in it.
        """
        main = self._guesser.guess(pixels, pieces)
        read = self._routes.read(pixels, pieces, (main,))
        lines = [replace(line, language=main.code) for line in read.lines]
        lines = self._read_others(pixels, _with_lost(lines, pieces), main)
        lines = self._guess_rest(pixels, lines, main)
        lines = self._tell_latin(pixels, [line for line in lines if line.text])
        codes = dict.fromkeys(line.language for line in lines) or {main.code: None}
        found = tuple(all_languages()[code] for code in codes)
        return ReadLines(lines, read.route, found, read.recognizer)

    def _read_others(
        self, pixels: RgbImage, lines: list[PageLine], main: Language
    ) -> list[PageLine]:
        """Read doubtful lines again in the language that the longest of them is in."""
        known = {main.script}
        doubtful = {index for index, line in enumerate(lines) if _is_doubtful(line)}
        misses = 0
        while doubtful and misses < _MOST_MISSES:
            longest = max(doubtful, key=lambda index: float(np.ptp(lines[index].corners[:, 0])))
            language = self._guesser.guess(pixels, [lines[longest].corners])
            asked = sorted(doubtful)
            doubtful.discard(longest)
            if language.script in known:
                misses += 1
                continue
            known.add(language.script)
            texts = self._routes.read_rows(pixels, [lines[at].corners for at in asked], language)
            for at, text in zip(asked, texts, strict=True):
                if _is_better(text, lines[at], language):
                    lines[at] = _reread(lines[at], text, language)
                    if not _is_doubtful(lines[at]):
                        doubtful.discard(at)
        return lines

    def _guess_rest(
        self, pixels: RgbImage, lines: list[PageLine], main: Language
    ) -> list[PageLine]:
        """Guess the main language again, without the lines of other scripts."""
        rest = [at for at, line in enumerate(lines) if line.language == main.code]
        if not 0 < len(rest) < len(lines):
            return lines
        corners = [lines[at].corners for at in rest]
        language = self._guesser.guess(pixels, corners)
        if language != main:
            texts = self._routes.read_rows(pixels, corners, language)
            for at, text in zip(rest, texts, strict=True):
                lines[at] = _reread(lines[at], text, language)
        return lines

    def _tell_latin(self, pixels: RgbImage, lines: list[PageLine]) -> list[PageLine]:
        """Read Latin lines again that are surely in another language."""
        for index, line in enumerate(lines):
            main = all_languages()[line.language]
            if main.script != _LATIN:
                continue
            language = self._guesser.other_latin(line.text, main)
            if language is None:
                continue
            lines[index] = replace(line, language=language.code)
            if language.route != main.route:
                (text,) = self._routes.read_rows(pixels, [line.corners], language)
                if text.confidence >= _LEAST_CONFIDENCE:
                    lines[index] = _reread(line, text, language)
        return lines


def _with_lost(lines: list[PageLine], pieces: Sequence[Corners]) -> list[PageLine]:
    """Return the lines with the rows that nothing was read in, each in its place down the page."""
    corners = [line.corners for line in lines]
    lost = [piece for piece in pieces if not any(_is_within(piece, line) for line in corners)]
    result = list(lines)
    for row in order_rows(lost):
        place = row_corners(lost, row)
        top = float(place[:, 1].mean())
        at = sum(float(line.corners[:, 1].mean()) < top for line in result)
        result.insert(at, PageLine("", 0.0, place, language=lines[0].language if lines else ""))
    return result


def _is_within(piece: Corners, line: Corners) -> bool:
    middle = piece.mean(axis=0)
    return bool((line.min(axis=0) <= middle).all() and (middle <= line.max(axis=0)).all())


def _is_doubtful(line: PageLine) -> bool:
    width, height = (float(side) for side in np.ptp(line.corners, axis=0))
    letters = sum(letter.isalpha() for letter in line.text)
    is_sparse = letters < _LETTERS_PER_HEIGHT * max(width, height) / max(
        1.0, line_height(line.corners)
    )
    has_digits = any(letter.isdigit() for letter in line.text)
    if has_digits and not letters:  # a number is in no script
        return line.confidence < _LEAST_CONFIDENCE
    return line.confidence < _SURE_CONFIDENCE or (is_sparse and not has_digits)


def _is_better(text: ReadText, line: PageLine, language: Language) -> bool:
    """Return whether a line is surer and longer in another language, and in its script."""
    return (
        text.confidence >= _LEAST_CONFIDENCE
        and text.evidence > ReadText(line.text, line.confidence).evidence
        and script_of(text.text) in language.letter_scripts
    )


def _reread(line: PageLine, text: ReadText, language: Language) -> PageLine:
    return replace(
        line,
        text=text.text,
        confidence=text.confidence,
        words=text.words,
        language=language.code,
    )
