"""Render a clean page in each of the 102 languages: python -m benchmarks.pages FOLDER.

Each page is PNG with its text, line by line, as TXT beside it. HarfBuzz shapes the letters, through
Pillow's Raqm layout. Fonts of each look stand in fonts.toml, sources of texts in texts/README.md.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from modelkit.images import RgbImage
from ocr.languages import Language, all_languages

HERE = Path(__file__).parent
FONTS_DIR = Path("/usr/share/fonts")
WIDTH_PX = 1654  # A4 at 200 dpi
MARGIN_PX = 140
PAGES = "pages"  # the look that routes and rules are chosen on
LEADING = 1.15
SIGNS = re.compile(r"[!-\u024f\u2000-\u206f]")  # what fonts of one script leave to another font

# Scripts whose lines may end within a run of letters without a blank.
UNSPACED = frozenset({"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
ETHIOPIC_WORD = re.compile(r"[^ \u1361]+[ \u1361]*")  # with the mark that may part it from the next
SYLLABLE_END = "\u0f0b"  # the tsheg between two Tibetan syllables: the only place to break a line
# Nothing that hangs on the letter before it starts a line,
STAYS_BEHIND = frozenset("、。，．：；！？」』）〕】》〉ーっゃゅょッャュョ・၊။ๆໆៗ។៕ฯะาำະາຳ")  # noqa: RUF001 - full-width signs
# and nothing that the letter after it hangs on ends one.
HOLDS_NEXT = frozenset("「『（〔【《〈เแโใไເແໂໃໄ\u17d2\u1039")  # noqa: RUF001 - full-width signs
KILLERS = frozenset("\u103a\u1039\u17d2")  # their letter closes the syllable before it


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """Image of a page and its text, line by line."""

    pixels: RgbImage
    text: str


def main(folder: Path, *, languages: str = "", look: str = PAGES) -> None:
    """Write the pages of these languages, or of all, in one look of fonts.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    for code in languages.split(",") if languages else all_languages():
        page = render(all_languages()[code], look)
        Image.fromarray(page.pixels).save(folder / f"{code}.png")
        (folder / f"{code}.txt").write_text(page.text + "\n", "utf-8")


def looks() -> list[str]:
    """Return the names of the looks: texts, fonts and a size."""
    return list(_table())


def render(language: Language, look: str = PAGES) -> WrittenPage:
    """Return the page of a language.

    Raises:
        FileNotFoundError: the font of its script is not installed.
    """
    face = _face(language, look)
    texts = HERE / "texts" / str(_table()[look].get("texts", ""))
    text = (texts / f"{language.code}.txt").read_text("utf-8")
    lines = [line for part in text.splitlines() for line in _wrap(part, face)]
    height = 2 * MARGIN_PX + face.step_px * len(lines)
    image = Image.new("RGB", (WIDTH_PX, height), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        _draw(pen, line, face, top=MARGIN_PX + number * face.step_px)
    return WrittenPage(np.asarray(image), "\n".join(lines))


@dataclass(frozen=True, slots=True)
class _Face:
    """The fonts of a language."""

    language: Language
    letters: ImageFont.FreeTypeFont
    signs: ImageFont.FreeTypeFont
    step_px: int  # from line to line

    @property
    def direction(self) -> str:
        return "rtl" if self.language.right_to_left else "ltr"

    def run_width_px(self, run: str, font: ImageFont.FreeTypeFont) -> float:
        """Return the width of a run of one font."""
        tag = self.language.tag
        return float(font.getlength(run, direction=self.direction, language=tag))

    def runs(self, line: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
        """Cut a line where the font changes."""
        if self.signs is self.letters:
            return [(line, self.letters)]
        parts = groupby(line, key=lambda letter: SIGNS.match(letter) is not None)
        return [("".join(run), self.signs if is_sign else self.letters) for is_sign, run in parts]

    def width_px(self, line: str) -> float:
        """Return the width of a line."""
        return sum(self.run_width_px(run, font) for run, font in self.runs(line))


def _draw(pen: ImageDraw.ImageDraw, line: str, face: _Face, *, top: int) -> None:
    baseline = top + face.letters.getmetrics()[0]
    to_left = face.language.right_to_left
    x = float(WIDTH_PX - MARGIN_PX if to_left else MARGIN_PX)
    # Any: the keywords of Pillow's text have several types.
    options: dict[str, Any] = {"direction": face.direction, "language": face.language.tag}
    for run, font in face.runs(line):
        width = face.run_width_px(run, font)
        x -= width if to_left else 0
        pen.text((x, baseline), run, fill="black", font=font, anchor="ls", **options)
        x += 0 if to_left else width


def _face(language: Language, look: str) -> _Face:
    if not features.check("raqm"):
        raise RuntimeError("this Pillow has no Raqm: letters would not be shaped")
    table = _table()[look]
    size_px = int(table["size_px"])
    entry = table["languages"].get(language.code) or table["scripts"][language.script]
    letters = _load(str(entry["font"]), size_px, int(entry.get("index", 0)))
    signs = _load(str(entry["signs"]), size_px) if "signs" in entry else letters
    step_px = round(sum(letters.getmetrics()) * float(entry.get("leading", LEADING)))
    return _Face(language, letters, signs, step_px)


def _load(file: str, size_px: int, index: int = 0) -> ImageFont.FreeTypeFont:
    layout = ImageFont.Layout.RAQM
    return ImageFont.truetype(FONTS_DIR / file, size_px, index=index, layout_engine=layout)


@cache
def _table() -> dict[str, dict[str, Any]]:  # Any: a look holds numbers, names and tables
    return tomllib.loads((HERE / "fonts.toml").read_text("utf-8"))


def _wrap(text: str, face: _Face) -> list[str]:
    lines: list[str] = []
    line = ""
    for piece in _pieces(text, face.language):
        if line and face.width_px((line + piece).rstrip()) > WIDTH_PX - 2 * MARGIN_PX:
            lines.append(line.strip())
            line = ""
        line += piece
    return [*lines, line.strip()]


def _pieces(text: str, language: Language) -> list[str]:
    """Cut a paragraph where a line may end."""
    if language.script == "Ethi":
        return ETHIOPIC_WORD.findall(text)
    if language.script not in UNSPACED:
        return [word + " " for word in text.split()]
    pieces = [""]
    for index, letter in enumerate(text):
        if pieces[-1] and _may_start(text, index, language):
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _may_start(text: str, index: int, language: Language) -> bool:
    """Return whether a line may start at this letter."""
    before, letter, after = text[index - 1], text[index], text[index + 1 : index + 2]
    if before == " " or language.script == "Tibt":
        return before in {" ", SYLLABLE_END}
    return (
        letter not in STAYS_BEHIND
        and before not in HOLDS_NEXT
        and after not in KILLERS
        and unicodedata.category(letter) in {"Lo", "Ps", "Pi", "Nd"}
        and not (before.isdigit() and letter.isdigit())
    )


if __name__ == "__main__":
    cyclopts.run(main)
