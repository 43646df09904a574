"""Real scans read right through the whole mesh."""

from pathlib import Path

import aiohttp
import pytest

from tests.mesh.pictures import PictureServer


def error_rate(text: str, truth: str) -> float:
    """Return the character error rate: edits to reach the truth, as a share of its length."""
    text, truth = " ".join(text.split()), " ".join(truth.split())
    row = list(range(len(truth) + 1))
    for index, letter in enumerate(text, start=1):
        previous, row[0] = row[0], index
        for column, wanted in enumerate(truth, start=1):
            previous, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, previous + (letter != wanted)),
            )
    return row[-1] / len(truth)


@pytest.mark.parametrize(
    ("scan", "truth"),
    [
        ("phototest.tif", "phototest.gold.txt"),
        ("phototest-rotated-180.png", "phototest.gold.txt"),
        ("phototest-rotated-L.png", "phototest.gold.txt"),
        ("phototest-rotated-R.png", "phototest.gold.txt"),
        ("eurotext.tif", "eurotext.txt"),
    ],
)
async def test_page_scan_reads_with_few_errors(
    shared_dir: Path,
    rest: aiohttp.ClientSession,
    pictures: PictureServer,
    scan: str,
    truth: str,
) -> None:
    folder = shared_dir / "eval" / "ocr"
    pictures.pictures[scan] = (folder / scan).read_bytes()

    async with rest.post("/api/v1/ocr", json={"url": pictures.url(scan)}) as response:
        text = (await response.json())["result"]["text"]

    assert error_rate(text, (folder / truth).read_text()) < 0.03
