"""The page at `/` in real Chromium, for tests that use it as a caller does."""

import shutil
from pathlib import Path

from playwright.async_api import Page, ViewportSize, expect

CHROMIUM = shutil.which("chromium")
DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


async def choose(page: Page, job: str, *images: Path) -> None:
    """Choose a tab, and images in the place of its sample."""
    await page.get_by_role("tab", name=job, exact=True).click()
    if images:
        await page.get_by_label("Choose images").set_input_files(images)


async def run(page: Page) -> None:
    """Press Run and wait for the answer."""
    await page.get_by_role("button", name="Run").click()
    await expect(page.locator("#state")).to_contain_text(" on cpu, ", timeout=60_000)
