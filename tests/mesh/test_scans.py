"""Real scans read right through the whole mesh."""

from pathlib import Path

import aiohttp
import pytest

from benchmarks.text_errors import character_error_rate
from tests.mesh.images import ImageServer


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
    images: ImageServer,
    scan: str,
    truth: str,
) -> None:
    folder = shared_dir / "eval" / "ocr"
    images.images[scan] = (folder / scan).read_bytes()

    async with rest.post("/api/v1/ocr", json={"url": images.url(scan)}) as response:
        text = (await response.json())["result"]["text"]

    assert character_error_rate((folder / truth).read_text(), text) < 0.03
