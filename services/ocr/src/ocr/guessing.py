"""Language detection for images: first the script, then the language of that script.

PP-OCR recognizes Latin and East Asian scripts by reading them. For others, one Tesseract model
after the other reads two lines, that of Tesseract's own script detection first; the surest decides.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from py3langid.langid import (  # type: ignore[import-untyped]  # it ships no types
    MODEL_FILE,
    LanguageIdentifier,
)

from modelkit.images import RgbImage
from ocr.engines import LineReader, ReadText, mean_confidence
from ocr.languages import TESSERACT_LINES, Language, all_languages
from ocr.preparation import Corners, are_mostly_upright, aspect
from ocr.tesseract import Tesseract

FALLBACK = all_languages()["eng"]
_SAMPLE_LINES = 8  # the widest of a page; more text is a surer guess
_TRIAL_LINES = 2
# PP-OCR is sure of the signs between letters that it does not know; so letters are counted too.
_SURE_CONFIDENCE = 0.9
_LETTERS_PER_HEIGHT = 0.5  # least letters of a line, in heights of it; East Asian ones have .8
_SURE_TRIAL = 0.85  # of confidence and letters of the script; a wrong script has half or less
_KANA_SHARE = 0.05  # of the letters of a Japanese text
# Of 508 lines in 37 Latin languages none was taken for another one with these two, beside those of
# Cebuano, which the identifier does not know.
_LEAST_LETTERS = 30
_SURE_OF_LINE = 0.99
_MARK_SHARE = 0.004  # of the letters

_UNICODE_NAMES = MappingProxyType(
    {
        "Arab": "ARABIC", "Beng": "BENGALI", "Cans": "CANADIAN", "Cher": "CHEROKEE",
        "Cyrl": "CYRILLIC", "Deva": "DEVANAGARI", "Ethi": "ETHIOPIC", "Geor": "GEORGIAN",
        "Grek": "GREEK", "Gujr": "GUJARATI", "Guru": "GURMUKHI", "Hebr": "HEBREW",
        "Khmr": "KHMER", "Knda": "KANNADA", "Kore": "HANGUL", "Laoo": "LAO", "Latf": "LATIN",
        "Latn": "LATIN", "Mlym": "MALAYALAM", "Mymr": "MYANMAR", "Orya": "ORIYA",
        "Sinh": "SINHALA", "Syrc": "SYRIAC", "Taml": "TAMIL", "Telu": "TELUGU", "Thai": "THAI",
        "Tibt": "TIBETAN",
    }
)  # fmt: skip
# What Tesseract calls a script, where that is not the start of its Unicode name.
_OSD_NAMES = MappingProxyType({"Korean": "Kore", "Fraktur": "Latf"})
_SCRIPTS_OF_PPOCR = frozenset({"Latin", "Han", "Japanese"})  # so called by Tesseract
# One model reads all languages of these scripts; for the others each language's own one is asked.
_SHARED = MappingProxyType({"Arab": "fas", "Cyrl": "aze_cyrl"})
# Marks of languages that the identifier does not know, and the language it takes each for.
_MARKS = MappingProxyType(
    {
        "aze_cyrl": ("kaz", re.compile("[ҹҝ]")),
        "ceb": ("tgl", re.compile(r"\b(?:nga|og|kay)\b")),
        "dzo": ("bod", re.compile("ཚུ་")),
        "kat_old": ("kat", re.compile("[ჱჲჳჴ]")),
        "tir": ("amh", re.compile("[ቐ-ቝኸ-ዅ]|ናይ|ኣ")),
        "yid": ("heb", re.compile("[אפ][\u05b7\u05b8\u05bf]")),
    }
)
_NO_MARKS = ("", re.compile(""))


class ImageLanguageGuesser:
    """Language detector for images, from both engines and a text identifier; for one thread."""

    def __init__(self, ppocr: LineReader, tesseract: Tesseract) -> None:
        """Load the identifier, 2 MB of numbers."""
        self._ppocr = ppocr
        self._tesseract = tesseract
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def guess(self, pixels: RgbImage, pieces: Sequence[Corners]) -> Language | None:
        """Return the likeliest language of the text in an image; English without any text.

        None where the image is turned: no engine reads it so.

        Args:
            pixels: the image.
            pieces: where lines of text were found in it.
        """
        sample = sorted(pieces, key=aspect, reverse=True)[:_SAMPLE_LINES]
        if not sample:
            return FALLBACK
        read = self._ppocr.read_lines(pixels, sample)
        script = _script_of_ppocr(read, sample)
        if script in {"Hans", "Hant", "Jpan"}:
            return next(found for found in all_languages().values() if found.script == script)
        if not script:
            name, turn = self._tesseract.script_and_turn(pixels)
            # PP-OCR would read the first, if only the page stood upright.
            if (turn and name in _SCRIPTS_OF_PPOCR) or are_mostly_upright(pieces):
                return None
            script = self._try_scripts(pixels, sample[:_TRIAL_LINES], name)
        if script in {"", "Latn"}:
            return self._by_text(_text(read), _written_in("Latn"))[0]
        return self._within(script, pixels, sample)

    def other_latin(self, text: str, main: Language) -> Language | None:
        """Return the Latin language that a line is surely in, and surely not in `main`; or None."""
        if sum(letter.isalpha() for letter in text) < _LEAST_LETTERS:
            return None
        languages = _written_in("Latn")
        found, probability = self._by_text(text, languages)
        ranks = dict(self._identifier.rank(" ".join(text.split())))
        shares = {language.code: _rank_of(ranks, language) for language in languages}
        taken_for, _ = _MARKS.get(main.code, _NO_MARKS)
        is_same = _tag(found) == _tag(main) or found.code == taken_for
        if is_same or probability < _SURE_OF_LINE:
            return None
        is_out = shares[main.code] < (1 - _SURE_OF_LINE) * sum(shares.values())
        return found if is_out else None

    def _try_scripts(self, pixels: RgbImage, lines: Sequence[Corners], name: str) -> str:
        """Return the script whose model reads the lines best; empty if no model reads any.

        Args:
            pixels: the image.
            lines: of it.
            name: Tesseract's guess of the script, which is tried first.
        """
        scores = {"": 0.0}
        for script in _scripts(name):
            known = next(filter(self._tesseract.has, _written_in(script)), None)
            if known is None:
                continue
            read = self._tesseract.read_lines(pixels, lines, known)
            scores[script] = mean_confidence(read) * _share(_text(read), script)
            if scores[script] >= _SURE_TRIAL:
                return script
        return max(scores, key=scores.__getitem__)

    def _within(self, script: str, pixels: RgbImage, sample: Sequence[Corners]) -> Language:
        """Return the language of a script that is known."""
        languages = [*filter(self._tesseract.has, _written_in(script))]
        if len(languages) == 1:
            return languages[0]
        shared = all_languages().get(_SHARED.get(script, ""))
        if shared is not None and shared in languages:
            # Without a code: the rules of spelling of one language would hide the others.
            read = self._tesseract.read_lines(pixels, sample, replace(shared, code=""))
            return self._by_text(_text(read), languages)[0]
        best, best_score = languages[0], -1.0
        for language in languages:
            read = self._tesseract.read_lines(pixels, sample, language)
            found, probability = self._by_text(_text(read), languages)
            score = mean_confidence(read) + (probability if found == language else 0.0)
            if score > best_score:
                best, best_score = language, score
        return best

    def _by_text(self, text: str, languages: Sequence[Language]) -> tuple[Language, float]:
        """Return the language that a text is in, and how sure that is, in [0, 1]."""
        if FALLBACK in languages and not any(letter.isalpha() for letter in text):
            return FALLBACK, 0.0
        plain = [language for language in languages if language.code not in _MARKS] or languages
        ranks = dict(self._identifier.rank(" ".join(text.split())))
        scores = [_rank_of(ranks, language) for language in plain]
        best, total = int(np.argmax(scores)), sum(scores)
        letters = max(1, sum(letter.isalpha() for letter in text))
        for language in languages:
            taken_for, marks = _MARKS.get(language.code, _NO_MARKS)
            if plain[best].code == taken_for and len(marks.findall(text)) >= _MARK_SHARE * letters:
                return language, 1.0
        return plain[best], scores[best] / total if total else 0.0


def _scripts(name: str) -> Iterator[str]:
    """Yield every script that PP-OCR does not read, first the one of Tesseract's name."""
    read = {
        language.script
        for language in all_languages().values()
        if language.route == TESSERACT_LINES and language.script != "Latn"
    }
    likely = [
        script
        for script in sorted(read)
        if _OSD_NAMES.get(name) == script or (name and _UNICODE_NAMES[script] == name.upper())
    ]
    yield from likely
    counts = Counter(language.script for language in all_languages().values())
    yield from sorted(read - set(likely), key=lambda script: (-counts[script], script))


def _tag(language: Language) -> str:
    """Return what the identifier calls a language."""
    return language.tag.partition("-")[0]


def _rank_of(ranks: Mapping[str, float], language: Language) -> float:
    return float(ranks.get(_tag(language), 0.0))


def _script_of_ppocr(read: Sequence[ReadText], lines: Sequence[Corners]) -> str:
    """Return the script of lines that PP-OCR read; empty when it cannot read them."""
    text = _text(read)
    letters = [letter for letter in text if letter.isalpha()]
    known = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in letters)
    kana = known["HIRAGANA"] + known["KATAKANA"]
    signs = known["LATIN"] + known["CJK"] + kana
    if not letters:  # numbers alone, which all engines read
        signs = sum(sign.isdigit() for sign in text)
    is_read = signs >= _LETTERS_PER_HEIGHT * sum(map(aspect, lines))
    if mean_confidence(read) < _SURE_CONFIDENCE or not is_read:
        return ""
    if known["LATIN"] >= known["CJK"] + kana:
        return "Latn"
    if kana >= _KANA_SHARE * len(letters):
        return "Jpan"
    # The two national character sets hardly share the letters that were simplified.
    simplified, traditional = (
        sum(_is_in(letter, other) for letter in letters) for other in ("gb2312", "big5")
    )
    return "Hans" if simplified >= traditional else "Hant"


def _is_in(letter: str, character_set: str) -> bool:
    return bool(letter.encode(character_set, "ignore"))


def _written_in(script: str) -> list[Language]:
    return [language for language in all_languages().values() if language.script == script]


def _share(text: str, script: str) -> float:
    """Return the share of letters that are of a script, in [0, 1]."""
    names = [unicodedata.name(letter, "") for letter in text if letter.isalpha()]
    of_it = sum(name.startswith(_UNICODE_NAMES[script]) for name in names)
    return of_it / len(names) if names else 0.0


def _text(read: Sequence[ReadText]) -> str:
    return "\n".join(line.text for line in read)
