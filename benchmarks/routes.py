"""Measure every route of every language and write the table of routes: python -m benchmarks.routes.

Each language's page is read clean and as a photo. PP-OCR reads receipts and forms best, so it is
kept where it reads pages about as well as the best route; where it misses some letters of the
language Tesseract helps it, and where it misses many Tesseract reads alone. Tesseract's own layout
is no route of its own: its errors tell where a clean page needs no other.
"""

import csv
import zlib
from pathlib import Path

import cyclopts

from benchmarks.distortion import photograph
from benchmarks.pages import WrittenPage, render
from benchmarks.text_errors import character_error_rate
from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from ocr.ink import TiledImage
from ocr.languages import BOTH_LINES, PP_OCR_LINES, TESSERACT_LINES, Language, all_languages
from ocr.loaders import load_ppocr, load_tesseract
from ocr.preparation import fit
from ocr.routes import Routes
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract

TABLE = Path(__file__).parents[1] / "services/ocr/src/ocr/routes.tsv"
READ_BY_PP_OCR = frozenset({"Latn", "Latf", "Hans", "Hant", "Jpan"})
AS_GOOD = 0.002  # a difference of one or two letters on a page tells nothing
MISSES_LETTERS = 0.01  # of PP-OCR

Errors = tuple[float, float]  # on the clean page and on the photo


def main(*, languages: str = "", table: Path = TABLE) -> None:
    """Measure these languages, or all, and write the table."""
    wanted = languages.split(",") if languages else all_languages()
    settings = OcrSettings(threads=1)
    ppocr = load_ppocr(settings, load_manifest("ocr")).model
    tesseract = load_tesseract(settings)
    routes = Routes(ppocr, tesseract)
    rows = {row["code"]: row for row in _read_table(table)}
    for code in sorted(wanted):
        errors = measure(routes, all_languages()[code])
        best = choose(errors)
        page = read_layout(tesseract, all_languages()[code])
        prose = read_prose(routes, all_languages()[code])
        shown = (f"{name} {clean:.4f} {photo:.4f}" for name, (clean, photo) in errors.items())
        print(f"{code:9} {best:16} {'  '.join(shown)}", flush=True)
        clean, photo = errors[best]
        rates = {"clean_cer": clean if prose is None else prose, "photo_cer": photo}
        told = {name: f"{rate:.4f}" for name, rate in {**rates, "page_cer": page}.items()}
        rows[code] = {"code": code, "route": best, **told}
    _write_table(table, rows)


def measure(routes: Routes, language: Language) -> dict[str, Errors]:
    """Return the character error rates of every route that can read a language."""
    page = render(language)
    photo = photograph(page.pixels, seed=seed_of(language))
    names = [TESSERACT_LINES]
    if language.script in READ_BY_PP_OCR:
        names = [PP_OCR_LINES, BOTH_LINES, TESSERACT_LINES]
    return {
        name: (
            _error(routes, page.pixels, page, language, name),
            _error(routes, photo, page, language, name),
        )
        for name in names
    }


def read_layout(tesseract: Tesseract, language: Language) -> float:
    """Return the character error rate of Tesseract's own layout on a clean page."""
    page = render(language)
    lines = tesseract.read_page(fit(page.pixels).pixels, language)
    return character_error_rate(page.text, "\n".join(line.text for line in lines))


def read_prose(routes: Routes, language: Language) -> float | None:
    """Return the error rate of a clean page that is read without the detector; None for others."""
    page = render(language)
    read = routes.read_prose(TiledImage(fit(page.pixels).pixels), (language,))
    if read is None:
        return None
    return character_error_rate(page.text, "\n".join(line.text for line in read.lines))


def choose(errors: dict[str, Errors]) -> str:
    """Return the route of a language with these error rates."""
    mean = {name: sum(rates) / len(rates) for name, rates in errors.items()}
    ppocr = mean.get(PP_OCR_LINES, 1.0)
    if ppocr <= min(mean.values()) + AS_GOOD:
        return PP_OCR_LINES
    return BOTH_LINES if ppocr <= MISSES_LETTERS else TESSERACT_LINES


def seed_of(language: Language) -> int:
    """Return the seed of a language's photo, the same on every machine."""
    return zlib.crc32(language.code.encode())


def _error(
    routes: Routes, pixels: RgbImage, page: WrittenPage, language: Language, route: str
) -> float:
    fitted = fit(pixels).pixels
    read = routes.read(fitted, routes.detect(TiledImage(fitted)), (language,), route=route)
    return character_error_rate(page.text, "\n".join(line.text for line in read.lines))


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _write_table(path: Path, rows: dict[str, dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = ["code", "route", "clean_cer", "photo_cer", "page_cer"]
        table = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows[code] for code in sorted(rows))


if __name__ == "__main__":
    cyclopts.run(main)
