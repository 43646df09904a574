"""Script and direction of a text."""

import unicodedata
from collections import Counter

from fontTools.unicodedata import script  # type: ignore[import-untyped]  # it lacks the py.typed marker

_NO_SCRIPT = "Zyyy"
_WITHOUT = frozenset({_NO_SCRIPT, "Zinh", "Zzzz"})  # signs and marks that many scripts share
LEFTWARD = frozenset({"R", "AL"})  # Unicode's classes of letters that run from right to left


def script_of(text: str) -> str:
    """Return the ISO 15924 code of the script of most letters; "Zyyy" without letters."""
    found = Counter(str(script(letter)) for letter in text)
    scripts = [code for code, _ in found.most_common() if code not in _WITHOUT]
    return scripts[0] if scripts else _NO_SCRIPT


def runs_leftward(text: str) -> bool:
    """Return whether text runs from right to left, by its first letter with a direction."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind in LEFTWARD for kind in kinds if kind in {"L", *LEFTWARD}), False)
