"""Parsing of a requested language: a code, a BCP 47 tag, several of them, or "auto"."""

from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from ocr.languages import Language, all_languages
from servicekit.errors import UnsupportedLanguage

DEFAULT_LANGUAGE = "eng"
AUTO = "auto"
MOST_LANGUAGES = 4  # each one costs time on every row
_SHOWN_LETTERS = 20  # of an unknown code in a message
_SUGGESTIONS = 3
# Tags of the same language that the table writes otherwise, by their lower-case form.
_ALIASES = MappingProxyType(
    {
        "cmn": "chi_sim", "fil": "tgl", "in": "ind", "iw": "heb", "ji": "yid", "kmr": "kur",
        "nb": "nor", "nn": "nor", "nob": "nor", "zh": "chi_sim", "zh-hk": "chi_tra",
        "zh-mo": "chi_tra", "zh-tw": "chi_tra",
    }
)  # fmt: skip


def find_language(code: str) -> Language:
    """Return the language of a code or a BCP 47 tag, English for the empty one.

    Raises:
        UnsupportedLanguage: no language has that code.
    """
    asked = (code or DEFAULT_LANGUAGE).strip().lower()
    known = _by_name()
    while True:
        if asked in known:
            return known[asked]
        shorter = asked.replace("_", "-").rpartition("-")[0]  # "de-at" is read as "de"
        if not shorter:
            raise UnsupportedLanguage(_unknown(code))
        asked = shorter


def find_languages(codes: str) -> tuple[Language, ...]:
    """Return the languages of codes with "+" between them; none for "auto".

    Raises:
        UnsupportedLanguage: no language has one of the codes, or there are too many.
    """
    if codes.strip().lower() == AUTO:
        return ()
    parts = codes.split("+")
    if len(parts) > MOST_LANGUAGES:
        raise UnsupportedLanguage(f"{len(parts)} languages at once; send at most {MOST_LANGUAGES}")
    if len(parts) > 1 and "" in parts:
        raise UnsupportedLanguage(f'language {_short(codes)!r} has nothing beside a "+"')
    return tuple(dict.fromkeys(find_language(part) for part in parts))


@cache
def _by_name() -> MappingProxyType[str, Language]:
    """Return the languages by everything that names one, in lower case."""
    languages = all_languages()
    names = {tag: languages[code] for tag, code in _ALIASES.items()}
    names |= {language.tag.lower(): language for language in languages.values()}
    return MappingProxyType(names | dict(languages))


def _unknown(code: str) -> str:
    names = {language.name.lower(): language for language in all_languages().values()}
    names |= _by_name()
    close = get_close_matches(code[:_SHOWN_LETTERS].lower(), names, n=2 * _SUGGESTIONS, cutoff=0.6)
    found = list(dict.fromkeys(names[name] for name in close))[:_SUGGESTIONS]
    hint = ", ".join(f'"{language.code}" ({language.name})' for language in found)
    return (
        f"language {_short(code)!r} is unknown; "
        + (f"did you mean {hint}? " if hint else 'send a code such as "eng", or "auto"; ')
        + "GET /api/v1/languages and ListLanguages list them"
    )


def _short(code: str) -> str:
    return code if len(code) <= _SHOWN_LETTERS else code[:_SHOWN_LETTERS] + "..."
