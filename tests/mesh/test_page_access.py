"""The pages in real Chromium: small, without faults of access, in both color schemes."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # no types
from playwright.async_api import Browser, Page, Response, ViewportSize, expect

from tests.gateway.running import gateway_settings, running
from tests.mesh.chromium import DESKTOP, PHONE, choose, run
from tests.mesh.conftest import RunningMesh

MOST_BYTES = 100_000  # that the page loads before it can be used


async def test_page_is_small(browser: Browser, mesh: RunningMesh) -> None:
    page = await browser.new_page(base_url=mesh.url)
    replies: list[Response] = []
    page.on("response", lambda reply: replies.append(reply))  # noqa: PLW0108 - no built-in is taken
    await page.goto("/", wait_until="networkidle")

    sizes = {reply.url: await bytes_of(reply) for reply in replies}
    await page.close()

    assert f"{mesh.url}/static/page.js" in sizes
    assert sum(sizes.values()) < MOST_BYTES, sizes


async def bytes_of(reply: Response) -> int:
    """Return the bytes of an answer on the wire, with its headers."""
    sizes = await reply.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", DESKTOP)])
async def test_page_has_no_serious_fault_of_access(
    page: Page, scheme: Any, size: ViewportSize
) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size(size)
    for job in ("Read text", "Faces", "Nudity"):
        await choose(page, job)
        await run(page)
        for folded in await page.locator("summary:visible").all():
            await folded.evaluate("summary => { summary.parentElement.open = true; }")

        assert await faults_of_access(page) == []


async def faults_of_access(page: Page) -> list[str]:
    # axe is added through the debugger, which the page's policy does not bind.
    found = await Axe().run(page)
    return [fault["id"] for fault in found.response["violations"] if fault["impact"] != "minor"]


async def test_catalogue_of_errors_is_led_to_and_without_fault(page: Page) -> None:
    await page.emulate_media(color_scheme="dark")
    await page.get_by_role("link", name="Errors").click()
    await page.get_by_role("link", name="insufficient_balance").click()

    await expect(page).to_have_url(re.compile("/docs/errors#insufficient_balance$"))
    assert await faults_of_access(page) == []


async def test_model_card_is_without_fault(page: Page) -> None:
    await page.goto("/static/card-models-emotions.html")

    await expect(page.get_by_role("heading", name="Scores")).to_be_visible()
    assert await faults_of_access(page) == []


async def test_job_that_is_switched_off_is_not_offered(browser: Browser, tmp_path: Path) -> None:
    async with running(gateway_settings(tmp_path, endpoints_off="colorize,emotions")) as gateway:
        page = await browser.new_page(base_url=gateway.url)
        await page.goto("/")

        tabs = page.get_by_role("tablist", name="Jobs").get_by_role("tab")
        await expect(tabs).to_have_text(["Read text", "Analyze", "Classify", "Nudity"])
        await expect(tabs.first).to_have_attribute("aria-selected", "true")
        await page.close()


async def test_reference_is_without_fault_and_asks_no_other_host(
    page: Page, mesh: RunningMesh
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.set_viewport_size(PHONE)
    await page.goto("/docs")

    await expect(page.get_by_text("/api/v1/colorize").first).to_be_visible()
    assert [url for url in asked if not url.startswith((mesh.url, "blob:", "data:"))] == []
    assert await faults_of_access(page) == []


async def test_reference_sends_an_example_with_the_key_of_the_page(page: Page) -> None:
    await page.goto("/docs")
    await page.get_by_role("button", name="Test Request").first.click()
    await page.get_by_role("button", name="Send").first.click()

    await expect(page.get_by_text("200 OK")).to_be_visible()
