"""Detection of texts that are not English, and of their language."""

from dataclasses import dataclass
from types import MappingProxyType

from py3langid.langid import (  # type: ignore[import-untyped]  # it ships no types
    MODEL_FILE,
    LanguageIdentifier,
)

from ocr.scripts import script_of

ENGLISH = "en"
_LATIN = "Latn"
# The identifier guesses wildly on a few words; another script is enough, though.
_LEAST_LETTERS = 40
_SURE = 0.8
# Less sure, as between Bosnian and Croatian, a text is foreign where English is out of question:
# of 1,647 English sentences .13 was the least, of a line of Polish and Spanish names .006.
_NO_ENGLISH = 0.001
_LEAST_TO_NAME = 0.3  # below this the most probable language is a wild guess
# Any other language goes by its code alone.
_NAMES = MappingProxyType({
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "la": "Latin", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """Language of a text: its ISO 639-1 code, empty when in doubt, and whether it is foreign."""

    code: str
    is_foreign: bool

    @property
    def name(self) -> str:
        """Name of the language for a notice."""
        if not self.code:
            return "another language"
        return f"{_NAMES[self.code]} ({self.code})" if self.code in _NAMES else self.code


class TextLanguageGuesser:
    """Language identifier for texts, by n-grams of letters."""

    def __init__(self) -> None:
        """Load it from the installed package."""
        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def guess(self, text: str) -> LanguageGuess:
        """Return the language of a text that has letters."""
        is_latin = script_of(text) == _LATIN
        if is_latin and sum(letter.isalpha() for letter in text) < _LEAST_LETTERS:
            return LanguageGuess("", is_foreign=False)
        ranked = self._identifier.rank(" ".join(text.split()))
        code, probability = str(ranked[0][0]), float(ranked[0][1])
        english = float(dict(ranked)[ENGLISH])
        if probability >= _SURE and (is_latin or code != ENGLISH):
            return LanguageGuess(code, is_foreign=code != ENGLISH)
        if is_latin and english >= _NO_ENGLISH:
            return LanguageGuess("", is_foreign=False)
        named = code if probability >= _LEAST_TO_NAME and code != ENGLISH else ""
        return LanguageGuess(named, is_foreign=True)
