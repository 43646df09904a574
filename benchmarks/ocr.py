"""Compare the OCR service's reading with Tesseract's and rapidocr's own calls on the same pictures.

    python -m benchmarks.ocr FOLDER [--sets pages,photos,auto,scans,receipts] [--eval EVAL]

FOLDER gets ocr.json and ocr.md. `pages` are rendered, one in each language; `photos` are the same
pages photographed; `auto` tells which language is found in each page. EVAL holds the folders ocr
(`scans`: pictures with .txt beside them) and receipts (JPEG with .csv). The quick look at all
languages is `--sets pages --engines imagemesh`.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from benchmarks.distortion import photograph
from benchmarks.ocr_engines import OURS, Engine, load_engines
from benchmarks.ocr_report import Result, write_report
from benchmarks.pages import render
from benchmarks.routes import seed_of
from benchmarks.text_errors import character_error_rate, word_f1
from modelkit.images import ImageLimits, RgbImage, decode_image
from modelkit.manifest import load_manifest
from ocr.asking import find_language
from ocr.languages import Language, all_languages
from ocr.loaders import load_reader
from ocr.pictures import fit
from ocr.settings import OcrSettings

SETS = ("pages", "photos", "auto", "scans", "receipts")
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
class Picture:
    """A picture and what is written in it."""

    name: str
    language: Language
    pixels: RgbImage
    text: str


def main() -> None:
    """Read every picture with every engine, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="pages,photos,auto")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument(
        "--languages", default="", help="codes with commas between; all unless told"
    )
    parser.add_argument("--eval", type=Path, default=Path("eval"))
    arguments = parser.parse_args()
    codes = arguments.languages.split(",") if arguments.languages else list(all_languages())
    engines = load_engines(arguments.engines.split(","))
    results: list[Result] = []
    for collection in arguments.sets.split(","):
        if collection == "auto":
            results += find_each(codes)
            continue
        for picture in pictures(collection, codes, arguments.eval):
            results += read_with_each(engines, picture, collection)
    print(write_report(arguments.folder, results))


def pictures(collection: str, codes: list[str], folder: Path) -> Iterator[Picture]:
    """Yield the pictures of a set."""
    if collection == "scans":
        for name, truth in SCANS:
            text = (folder / "ocr" / truth).read_text("utf-8", "replace")
            yield Picture(name, find_language("eng"), _load(folder / "ocr" / name), text)
    elif collection == "receipts":
        for path in sorted((folder / "receipts").glob("*.jpg")):
            text = receipt_text(path.with_suffix(".csv"))
            yield Picture(path.name, find_language("eng"), _load(path), text)
    else:
        for code in codes:
            language = all_languages()[code]
            page = render(language)
            pixels = page.pixels
            if collection == "photos":
                pixels = photograph(pixels, seed=seed_of(language))
            yield Picture(code, language, pixels, page.text)


def read_with_each(
    engines: dict[str, Engine], picture: Picture, collection: str
) -> Iterator[Result]:
    """Yield what each engine makes of a picture."""
    for name, engine in engines.items():
        began_s = process_time()
        text = engine(picture.pixels, picture.language)
        cpu_s = process_time() - began_s
        yield Result(
            collection=collection,
            name=picture.name,
            engine=name,
            cer=character_error_rate(picture.text, text),
            f1=word_f1(picture.text, text),
            cpu_s=cpu_s,
            note=picture.language.route if collection in {"pages", "photos"} else "",
        )


def find_each(codes: list[str]) -> Iterator[Result]:
    """Yield for each page the language that is found, and how well the page is read in it."""
    reader = load_reader(OcrSettings(threads=1), load_manifest("ocr"))
    for code in codes:
        written = render(all_languages()[code])
        began_s = process_time()
        page = reader.read(fit(written.pixels))
        cpu_s = process_time() - began_s
        yield Result(
            collection="auto",
            name=code,
            engine=OURS,
            cer=character_error_rate(written.text, page.text),
            f1=word_f1(written.text, page.text),
            cpu_s=cpu_s,
            note="found" if page.language == code else f"taken for {page.language}",
        )


def receipt_text(path: Path) -> str:
    """Return the text of a receipt's CSV: eight numbers, then the text, which may hold commas."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, quoting=csv.QUOTE_NONE)
        return "\n".join(",".join(row[CSV_CORNERS:]) for row in rows)


def _load(path: Path) -> RgbImage:
    return decode_image(path.read_bytes(), ImageLimits()).pixels


if __name__ == "__main__":
    main()
