"""Measure the OCR service's own reading code on page scans and receipts.

    python -m benchmarks.ocr EVAL [--receipts N]

EVAL holds the folders ocr (pictures with .txt beside them) and receipts (JPEG with .csv).
CER is the edit distance by letters of the truth, blanks and line breaks alike; word F1 is a bag of
words without regard to case, so that reading order does not count.
"""

import argparse
import csv
import re
from collections import Counter
from pathlib import Path
from time import process_time

import numpy as np

from modelkit.images import ImageLimits, decode_image
from modelkit.manifest import load_manifest
from ocr.languages import find_language
from ocr.loaders import load_reader
from ocr.pictures import fit
from ocr.reading import Page, Reader
from ocr.settings import OcrSettings

PAGES = (
    ("phototest.tif", "phototest.gold.txt"),
    ("phototest-rotated-180.png", "phototest.gold.txt"),
    ("phototest-rotated-L.png", "phototest.gold.txt"),
    ("phototest-rotated-R.png", "phototest.gold.txt"),
    ("eurotext.tif", "eurotext.txt"),
    ("8071_093.3B.tif", "8071_093.3B.txt"),
    ("8087_054.3B.tif", "8087_054.3B.txt"),
)
CSV_CORNERS = 8  # four x, y pairs stand before the text
ENGLISH = find_language("eng")
WORD = re.compile(r"\w+")


def main() -> None:
    """Read everything once, with one thread, and print two tables."""
    parser = argparse.ArgumentParser(description="Measure reading on pages and receipts.")
    parser.add_argument("eval_dir", type=Path)
    parser.add_argument("--receipts", type=int, default=1000, help="read only the first N")
    arguments = parser.parse_args()
    reader = load_reader(OcrSettings(threads=1), load_manifest("ocr"))
    report_pages(reader, arguments.eval_dir / "ocr")
    report_receipts(reader, arguments.eval_dir / "receipts", arguments.receipts)


def report_pages(reader: Reader, folder: Path) -> None:
    """Print the CER of each page."""
    print(f"{'page':28} {'CER %':>6} {'turned':>6} {'CPU s':>6}")
    for picture, truth in PAGES:
        page, seconds = read(reader, folder / picture)
        errors = character_error_rate((folder / truth).read_text("utf-8", "replace"), page.text)
        print(f"{picture:28} {100 * errors:6.2f} {page.rotation_degrees:6} {seconds:6.2f}")


def report_receipts(reader: Reader, folder: Path, most: int) -> None:
    """Print the mean word F1 of the receipts and the worst three."""
    scores = {}
    total_s = 0.0
    for path in sorted(folder.glob("*.jpg"))[:most]:
        page, seconds = read(reader, path)
        scores[path.name] = word_f1(receipt_text(path.with_suffix(".csv")), page.text)
        total_s += seconds
    print(f"\nreceipts: n = {len(scores)}, mean word F1 {np.mean(list(scores.values())):.3f}")
    print(f"CPU s each: {total_s / len(scores):.2f}")
    for name in sorted(scores, key=scores.__getitem__)[:3]:
        print(f"worst: {name} {scores[name]:.3f}")


def read(reader: Reader, path: Path) -> tuple[Page, float]:
    """Return what the service reads from a file, and its CPU seconds."""
    began_s = process_time()
    page = reader.read(fit(decode_image(path.read_bytes(), ImageLimits()).pixels), ENGLISH)
    return page, process_time() - began_s


def receipt_text(path: Path) -> str:
    """Return the text of a receipt's CSV: eight numbers, then the text, which may hold commas."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file, quoting=csv.QUOTE_NONE)
        return "\n".join(",".join(row[CSV_CORNERS:]) for row in rows)


def character_error_rate(expected: str, read_text: str) -> float:
    """Return the edit distance divided by the length of the truth."""
    wanted, got = (np.array([ord(x) for x in " ".join(t.split())]) for t in (expected, read_text))
    steps = np.arange(len(got) + 1)
    previous = steps.copy()
    for row, letter in enumerate(wanted, 1):
        current = np.empty_like(previous)
        current[0] = row
        current[1:] = np.minimum(previous[1:] + 1, previous[:-1] + (got != letter))
        previous = np.minimum.accumulate(current - steps) + steps
    return float(previous[-1]) / max(1, len(wanted))


def word_f1(expected: str, read_text: str) -> float:
    """Return the harmonic mean of precision and recall of the bags of words."""
    wanted, got = (Counter(WORD.findall(text.lower())) for text in (expected, read_text))
    common = (wanted & got).total()
    return 2 * common / max(1, wanted.total() + got.total())


if __name__ == "__main__":
    main()
