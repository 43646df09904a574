"""Take the screenshots of docs/: take_screenshots.py URL KEY OLD_PHOTO PORTRAIT."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright, expect

ROOT = Path(__file__).parents[1]
LETTER = ROOT / "gateway/src/gateway/examples/letter.png"
MOST_S = 60.0  # for an answer


@dataclass(frozen=True, slots=True)
class Shot:
    """One screenshot: what is asked of the page at /, and where the picture of it goes."""

    file: str
    job: str
    picture: Path
    scheme: Literal["light", "dark"]


async def take(browser: Browser, shot: Shot, *, url: str, key: str) -> None:
    """Ask what a caller would ask, and write what they see."""
    context = await browser.new_context(
        base_url=url, viewport={"width": 1100, "height": 860}, color_scheme=shot.scheme
    )
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_label("API key").fill(key)
    await page.get_by_label(shot.job, exact=True).check()
    await page.get_by_label("Choose a picture").set_input_files(shot.picture)
    await page.get_by_role("button", name="Run").click()
    await expect(page.get_by_role("status")).to_contain_text(", ", timeout=MOST_S * 1000)
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=ROOT / "docs" / shot.file)
    await context.close()


async def main(url: str, key: str, old_photo: Path, portrait: Path) -> None:
    """Take all of them."""
    shots = (
        Shot("page.png", "Read text", LETTER, "light"),
        Shot("page-colorize.png", "Colour a photo", old_photo, "light"),
        Shot("page-emotions.png", "Expressions of faces", portrait, "dark"),
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for shot in shots:
            await take(browser, shot, url=url, key=key)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])))
