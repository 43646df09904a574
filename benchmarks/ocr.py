"""Compare the OCR service's reading with Tesseract's and rapidocr's own calls on the same images.

    python -m benchmarks.ocr [--sets pages,photos,auto,scans,receipts] [--eval EVAL]

`pages` are rendered, one in each language; `photos` are the
same pages photographed; `auto` finds the language of each page. `fresh-24`, `fresh-31` and
`fresh-40` are pages of other texts in other fonts of that many pixels; no route is chosen on them.
EVAL holds the folders ocr, whose images are `scans` with .txt beside them, and receipts (JPEG with
.csv). The quick look at all languages is `--sets pages --engines imagemesh`.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Annotated

from cyclopts import Parameter, run

from benchmarks.distortion import photograph
from benchmarks.ocr_engines import OURS, Engine, load_engines
from benchmarks.ocr_report import Result, ocr_report
from benchmarks.pages import PAGES, looks, render
from benchmarks.routes import seed_of
from benchmarks.text_errors import character_error_rate, lost_lines, word_f1
from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import load_manifest
from ocr.asking import find_language
from ocr.languages import Language, all_languages
from ocr.loaders import load_reader
from ocr.preparation import fit
from ocr.settings import OcrSettings

ENGINES = (OURS, "tesseract", "rapidocr")
SCANS = (
    ("phototest.tif", "phototest.gold.txt"),
    ("phototest-rotated-180.png", "phototest.gold.txt"),
    ("phototest-rotated-L.png", "phototest.gold.txt"),
    ("phototest-rotated-R.png", "phototest.gold.txt"),
    ("eurotext.tif", "eurotext.txt"),
    ("8071_093.3B.tif", "8071_093.3B.txt"),
    ("8087_054.3B.tif", "8087_054.3B.txt"),
)
CSV_CORNERS = 8  # four x, y pairs stand before the text


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """An image and its text."""

    name: str
    language: Language
    pixels: RgbImage
    text: str


def main(
    *,
    sets: str = "pages,photos,auto",
    engines: str = ",".join(ENGINES),
    languages: str = "",
    evaluation: Annotated[Path, Parameter("--eval")] = Path("eval"),
) -> None:
    """Read every image with every engine, and print the report."""
    codes = languages.split(",") if languages else list(all_languages())
    loaded = load_engines(engines.split(","))
    results: list[Result] = []
    for collection in sets.split(","):
        if collection == "auto":
            results += find_each(codes)
            continue
        for image in read_images(collection, codes, evaluation):
            results += read_with_each(loaded, image, collection)
    print(ocr_report(results))


def read_images(collection: str, codes: list[str], folder: Path) -> Iterator[WrittenImage]:
    """Yield the images of a set."""
    if collection == "scans":
        for name, truth in SCANS:
            text = (folder / "ocr" / truth).read_text("utf-8", "replace")
            yield WrittenImage(name, find_language("eng"), _load(folder / "ocr" / name), text)
    elif collection == "receipts":
        for path in sorted((folder / "receipts").glob("*.jpg")):
            text = receipt_text(path.with_suffix(".csv"))
            yield WrittenImage(path.name, find_language("eng"), _load(path), text)
    else:
        for code in codes:
            language = all_languages()[code]
            is_photo = collection == "photos"
            page = render(language, PAGES if is_photo else collection)
            pixels = photograph(page.pixels, seed=seed_of(language)) if is_photo else page.pixels
            yield WrittenImage(code, language, pixels, page.text)


def read_with_each(
    engines: dict[str, Engine], image: WrittenImage, collection: str
) -> Iterator[Result]:
    """Yield each engine's result for an image."""
    is_page = collection in {*looks(), "photos"}
    note = image.language.route if is_page else ""
    for name, engine in engines.items():
        began_s = process_time()
        text = engine(image.pixels, image.language)
        cpu_s = process_time() - began_s
        scores = character_error_rate(image.text, text), word_f1(image.text, text)
        lost = lost_lines(image.text, text) if is_page else 0
        yield Result(collection, image.name, name, *scores, cpu_s, note, lost)


def find_each(codes: list[str]) -> Iterator[Result]:
    """Yield for each page the language that is found, and how well the page is read in it."""
    reader = load_reader(OcrSettings(threads=1), load_manifest("ocr")).model
    for code in codes:
        written = render(all_languages()[code])
        began_s = process_time()
        page = reader.read(fit(written.pixels))
        cpu_s = process_time() - began_s
        scores = character_error_rate(written.text, page.text), word_f1(written.text, page.text)
        note = "found" if page.language == code else f"taken for {page.language}"
        yield Result("auto", code, OURS, *scores, cpu_s, note)


def receipt_text(path: Path) -> str:
    """Return the text of a receipt's CSV: eight numbers, then the text, which may hold commas."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, quoting=csv.QUOTE_NONE)
        return "\n".join(",".join(row[CSV_CORNERS:]) for row in rows)


def _load(path: Path) -> RgbImage:
    return decode_image(path.read_bytes(), ImageLimits()).pixels


if __name__ == "__main__":
    run(main)
