"""Table of the languages with their routes, data and Debian packages."""

import csv
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

PP_OCR = "pp-ocrv6-small"
TESSERACT = "tesseract"
# The routes of an image; all but the last begin with PP-OCR's detector.
PP_OCR_LINES = "pp-ocr-lines"
TESSERACT_LINES = "tesseract-lines"
BOTH_LINES = "both-lines"  # both engines read each row, and what they agree on decides
# Tesseract's own layout: for clean prose where it is sure (`ocr.prose`), and for doubted lines.
TESSERACT_PAGE = "tesseract-page"
ORIENTATION_PACKAGE = "tesseract-ocr-osd"

_AS_GOOD = 0.002  # of character error rate: one or two letters on a page tell nothing
RIGHT_TO_LEFT = frozenset({"Arab", "Hebr", "Syrc"})
_DOWNWARDS = frozenset({"Hans", "Hant", "Jpan"})
# Scripts that Unicode has no code of their own for, or several.
_LETTER_SCRIPTS = MappingProxyType(
    {
        "Hans": frozenset({"Hani"}),
        "Hant": frozenset({"Hani"}),
        "Jpan": frozenset({"Hani", "Hira", "Kana"}),
        "Kore": frozenset({"Hang", "Hani"}),
        "Latf": frozenset({"Latn"}),
    }
)
# Debian names the script models by ISO 15924 codes, Tesseract by English names.
_SCRIPT_PACKAGES = MappingProxyType(
    {
        "script/Arabic": "tesseract-ocr-script-arab",
        "script/Cyrillic": "tesseract-ocr-script-cyrl",
        "script/Devanagari": "tesseract-ocr-script-deva",
        "script/Fraktur": "tesseract-ocr-script-frak",
        "script/Georgian": "tesseract-ocr-script-geor",
        "script/Greek": "tesseract-ocr-script-grek",
        "script/Kannada": "tesseract-ocr-script-knda",
    }
)


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the public API.

    Attributes:
        code: what callers send, such as "deu".
        name: its English name.
        tag: its BCP 47 language tag, such as "de" or "zh-Hant".
        script: ISO 15924 code of its script, such as "Latn".
        tesseract: Tesseract's model for it, such as "deu" or "script/Cyrillic".
        route: the route that reads it best: `PP_OCR_LINES`, `TESSERACT_LINES` or `BOTH_LINES`.
        error_rate: the character error rate of that route on a clean page, at least 0.
        photo_error_rate: the same on a photo of the page.
        page_error_rate: the rate of `TESSERACT_PAGE` on the clean page.
        orientation: Tesseract's orientation detection can be trusted for this script.
        recognizer: The recognizer of its script, where one is installed, knows the language.
    """

    code: str
    name: str
    tag: str
    script: str
    tesseract: str
    route: str
    error_rate: float
    photo_error_rate: float
    page_error_rate: float
    orientation: bool = True
    recognizer: bool = True

    @property
    def engine(self) -> str:
        """Engine of the route; for `BOTH_LINES` PP-OCR, which can work alone."""
        return TESSERACT if self.route == TESSERACT_LINES else PP_OCR

    @property
    def right_to_left(self) -> bool:
        """Whether the boxes of one row are read from right to left."""
        return self.script in RIGHT_TO_LEFT

    @property
    def is_quick(self) -> bool:
        """Whether Tesseract's own layout reads a clean page about as well as the route.

        Not for lines from right to left, whose Latin words and digits need a second look.
        """
        return not self.right_to_left and self.page_error_rate <= self.error_rate + _AS_GOOD

    @property
    def letter_scripts(self) -> frozenset[str]:
        """The ISO 15924 codes that Unicode gives its letters."""
        return _LETTER_SCRIPTS.get(self.script, frozenset({self.script}))

    @property
    def may_run_downwards(self) -> bool:
        """Whether lines may run down the page, the right one first."""
        return self.script in _DOWNWARDS

    @property
    def tesseract_package(self) -> str:
        """The Debian package that holds Tesseract's model for this language."""
        script = _SCRIPT_PACKAGES.get(self.tesseract)
        return script or "tesseract-ocr-" + self.tesseract.replace("_", "-")

    @property
    def packages(self) -> tuple[str, ...]:
        """Debian packages that its route needs; none for PP-OCR, which comes with pip."""
        return () if self.route == PP_OCR_LINES else (self.tesseract_package,)


@cache
def all_languages() -> MappingProxyType[str, Language]:
    """Return every language by its code, ordered by code."""
    files = resources.files("ocr")
    table = tomllib.loads(files.joinpath("languages.toml").read_text("utf-8"))
    measured = files.joinpath("routes.tsv").read_text("utf-8").splitlines()
    routes = {row["code"]: row for row in csv.DictReader(measured, delimiter="\t")}
    return MappingProxyType(
        {code: _language(code, table[code], routes[code]) for code in sorted(table)}
    )


def run_leftward(languages: Iterable[Language]) -> bool:
    """Return whether the boxes of a row are read from right to left in all the languages."""
    return all(language.right_to_left for language in languages)


def debian_packages() -> tuple[str, ...]:
    """Return the Debian packages of all that Tesseract reads, and of orientation."""
    languages = all_languages().values()
    packages = {name for language in languages for name in language.packages}
    packages |= {language.tesseract_package for language in languages if language.is_quick}
    return tuple(sorted(packages | {ORIENTATION_PACKAGE}))


def _language(code: str, written: dict[str, str | bool], measured: dict[str, str]) -> Language:
    return Language(
        code=code,
        name=str(written["name"]),
        tag=str(written["tag"]),
        script=str(written["script"]),
        tesseract=str(written["tesseract"]),
        route=measured["route"],
        error_rate=float(measured["clean_cer"]),
        photo_error_rate=float(measured["photo_cer"]),
        page_error_rate=float(measured["page_cer"]),
        orientation=bool(written.get("orientation", True)),
        recognizer=bool(written.get("recognizer", True)),
    )
