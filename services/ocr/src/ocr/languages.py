"""The languages that can be read, and the engine, the data and the Debian packages of each."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from servicekit.errors import UnsupportedLanguage

PP_OCR = "pp-ocrv6-small"
TESSERACT = "tesseract"
DEFAULT_LANGUAGE = "eng"
ORIENTATION_PACKAGE = "tesseract-ocr-osd"

# Debian names the script models by ISO 15924 codes, Tesseract by English names.
_SCRIPT_PACKAGES = MappingProxyType(
    {
        "script/Cyrillic": "tesseract-ocr-script-cyrl",
        "script/Fraktur": "tesseract-ocr-script-frak",
        "script/Georgian": "tesseract-ocr-script-geor",
        "script/Kannada": "tesseract-ocr-script-knda",
    }
)


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the public API.

    Attributes:
        code: what callers send, such as "deu".
        name: its English name.
        engine: the engine that reads it best, `PP_OCR` or `TESSERACT`.
        tesseract: Tesseract's model for it, such as "deu" or "script/Cyrillic".
        by_line: Tesseract's page layout loses lines of this script; detect the lines first.
        right_to_left: the boxes of one row are read from right to left.
        orientation: Tesseract's orientation detection can be trusted for this script.
    """

    code: str
    name: str
    engine: str
    tesseract: str
    by_line: bool = False
    right_to_left: bool = False
    orientation: bool = True

    @property
    def tesseract_package(self) -> str:
        """The Debian package that holds Tesseract's model for this language."""
        script = _SCRIPT_PACKAGES.get(self.tesseract)
        return script or "tesseract-ocr-" + self.tesseract.replace("_", "-")

    @property
    def packages(self) -> tuple[str, ...]:
        """The Debian packages that its own engine needs; none for PP-OCR, which comes with pip."""
        return (self.tesseract_package,) if self.engine == TESSERACT else ()


@cache
def all_languages() -> MappingProxyType[str, Language]:
    """Return every language by its code, ordered by code."""
    table = tomllib.loads(resources.files("ocr").joinpath("languages.toml").read_text("utf-8"))
    return MappingProxyType({code: Language(code, **table[code]) for code in sorted(table)})


def find_language(code: str) -> Language:
    """Return the language of `code`, English for the empty code.

    Raises:
        UnsupportedLanguage: no language has that code.
    """
    language = all_languages().get(code or DEFAULT_LANGUAGE)
    if language is None:
        shown = code if len(code) <= 20 else code[:20] + "..."  # noqa: PLR2004 - a message stays short
        raise UnsupportedLanguage(
            f"language {shown!r} is unknown; send one of the {len(all_languages())} codes "
            'such as "eng"; GET /api/v1/languages and ListLanguages list them'
        )
    return language


def debian_packages() -> tuple[str, ...]:
    """Return the Debian packages of every language that Tesseract reads, and of orientation."""
    packages = {name for language in all_languages().values() for name in language.packages}
    return tuple(sorted(packages | {ORIENTATION_PACKAGE}))
