"""Spelling corrections of engine output, for letters that look the same.

An engine learned some letters in another spelling than a language writes them in today, or takes
a sign of the script for one of another script. Each rule names what it mends.
"""

import re
from types import MappingProxyType

_ARABIC_COMMA = (r"(?<=[\u0600-\u06ff]),", "\u060c")  # a Latin comma in Arabic script
_PERSIAN_YEH = ("\u064a", "\u06cc")  # of two letters that look alike, the one Persian and Urdu use
_PERSIAN_KAF = ("\u0643", "\u06a9")
_NO_JOINERS = ("\u200c", "")  # unseen, and in words that have none; a search would not find them
_DIRECTION_MARKS = dict.fromkeys(map(ord, "\u200e\u200f"))  # unseen too, and no language's own
_CHILLUS = {"ണ": "ൺ", "ന": "ൻ", "ര": "ർ", "ല": "ൽ", "ള": "ൾ"}

_RULES: MappingProxyType[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "ara": (_ARABIC_COMMA,),
        "uig": (_ARABIC_COMMA,),
        "fas": (_ARABIC_COMMA, _PERSIAN_YEH, _PERSIAN_KAF),
        "urd": (_ARABIC_COMMA, _PERSIAN_YEH, _PERSIAN_KAF),
        # Pashto writes the yeh without dots only where a word ends.
        "pus": (_ARABIC_COMMA, (r"\u06cc(?=[\u0620-\u06d3])", "\u064a")),
        # The vowel AM is one letter, with or without a tone mark in its middle.
        "tha": (("\u0e4d([\u0e48-\u0e4b]?)\u0e32", "\\1\u0e33"),),
        "lao": (("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2", "\\1\u0eb3"),),
        # Since Unicode 5.1 a chillu is one letter, not a letter, a virama and a joiner.
        "mal": tuple((f"{letter}\u0d4d\u200d", chillu) for letter, chillu in _CHILLUS.items()),
        "sin": (_NO_JOINERS,),
        "tam": (_NO_JOINERS,),
        "tel": (_NO_JOINERS,),
        # The model knows the stroke of the vowel AA, and of the full stop, as a sign of currency.
        "asm": (("(?<=[\u0995-\u09b9\u09f0\u09f1])\u09f7", "\u09be"), ("\u09f7", "\u0964")),
        # The section mark of Burmese is an upright stroke.
        "mya": (("(?<=[\u1000-\u103e])[!|]", "\u104a"),),
        # YIVO's spelling has a letter of its own for each of these pairs.
        "yid": (("\u05d5\u05d5", "\u05f0"), ("\u05d5\u05d9", "\u05f1"), ("\u05d9\u05d9", "\u05f2")),
    }
)


def respell(text: str, code: str) -> str:
    """Return a line of text in the spelling of the language with this code."""
    text = text.translate(_DIRECTION_MARKS)
    for pattern, spelling in _RULES.get(code, ()):
        text = re.sub(pattern, spelling, text)
    return text
