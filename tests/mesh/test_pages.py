"""The pages in real Chromium: each job on an image, by keyboard, without faults of access."""

import re
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # no types
from PIL import Image
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from tests.gateway.running import gateway_settings, running
from tests.mesh.conftest import RunningMesh
from tests.mesh.images import letter, portrait

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Tests run as root in a container, where Chromium's sandbox cannot.
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def complaints() -> list[str]:
    """Return the place where a page's errors and refused loads are noted."""
    return []


@pytest.fixture
async def page(browser: Browser, mesh: RunningMesh, complaints: list[str]) -> AsyncIterator[Page]:
    """Open the page with the key filled in; nothing may complain on its console."""
    context = await browser.new_context(base_url=mesh.url, viewport={"width": 1200, "height": 900})
    page = await context.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto("/")
    await page.get_by_label("API key").fill(mesh.key)
    yield page
    await context.close()
    assert complaints == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "letter.png").write_bytes(letter())
    (tmp_path / "portrait.jpg").write_bytes(portrait())
    return tmp_path


async def ask(page: Page, job: str, image: Path) -> None:
    await page.get_by_label(job, exact=True).check()
    await page.get_by_label("Choose an image").set_input_files(image)
    await page.get_by_role("button", name="Run").click()
    await expect(page.get_by_role("status")).to_contain_text(" on cpu, ", timeout=30_000)


async def test_photo_is_colored_and_uncovered_by_the_slider(page: Page, folder: Path) -> None:
    await ask(page, "Colour a photo", folder / "portrait.jpg")

    after = page.get_by_alt_text("The image in color")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 50%)")
    await page.get_by_role("slider").press("End")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 100%)")
    assert await after.evaluate("image => image.naturalWidth") == 320


async def test_lines_are_boxed_on_the_image(page: Page, folder: Path) -> None:
    await ask(page, "Read text", folder / "letter.png")

    await expect(page.locator("#words pre")).to_contain_text("It was a wonderful day.")
    await expect(page.locator(".picture polygon")).to_have_count(4)
    box = await page.locator(".picture polygon").first.bounding_box()
    image = await page.locator(".picture img").bounding_box()
    assert box is not None
    assert image is not None
    assert image["x"] < box["x"] < box["x"] + box["width"] < image["x"] + image["width"]


async def test_text_of_a_pdf_is_shown(page: Page, folder: Path) -> None:
    with Image.open(folder / "letter.png") as image:
        image.convert("RGB").save(folder / "letter.pdf", resolution=100)

    await ask(page, "Read text", folder / "letter.pdf")

    await expect(page.locator("#words pre")).to_contain_text("It was a wonderful day.")
    await expect(page.locator("#drawing")).to_have_text("Pages: 1.")


async def test_answer_of_a_proxy_is_not_taken_for_the_gateway_s(
    page: Page, folder: Path, complaints: list[str]
) -> None:
    proxied = partial(Route.fulfill, status=502, body="<h1>Bad Gateway</h1>")
    await page.route("**/api/v1/ocr", proxied)
    await page.get_by_label("Read text", exact=True).check()
    await page.get_by_label("Choose an image").set_input_files(folder / "letter.png")
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_contain_text("502: the answer is not the gateway's")
    complaints.clear()  # Chromium's own words on the status


async def test_letter_is_analyzed(page: Page, folder: Path) -> None:
    await ask(page, "Read and analyze English", folder / "letter.png")

    await expect(page.get_by_role("row", name="positive")).to_be_visible()
    await expect(page.locator("#words pre")).to_contain_text("Dear Ms. Alder")


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("Expressions of faces", "not what anyone feels"),
        ("Name what it shows", "What it shows"),
        ("Detect nudity", "No nudity was found."),
    ],
)
async def test_photo_is_judged(page: Page, folder: Path, job: str, words: str) -> None:
    await ask(page, job, folder / "portrait.jpg")

    await expect(page.locator("#words")).to_contain_text(words)


async def test_curl_command_asks_the_same(page: Page, folder: Path) -> None:
    await ask(page, "Read text", folder / "letter.png")

    command = await page.locator("#curl").text_content()

    assert command is not None
    assert re.search(r"^curl -sS 'http://127\.0\.0\.1:\d+/api/v1/ocr'", command)
    assert "-F 'image=@letter.png'" in command
    assert "-F 'lang=eng'" in command
    assert "im_live" not in command


async def test_example_is_read_by_its_url(page: Page) -> None:
    await page.get_by_label("Read text", exact=True).check()
    await page.get_by_role("button", name="Take the example letter").click()
    await page.get_by_role("button", name="Run").press("Enter")

    await expect(page.get_by_role("status")).to_contain_text(" on cpu, ", timeout=30_000)
    assert await page.locator(".picture polygon").count() > 0


async def test_wrong_key_is_said_and_nothing_drawn(
    page: Page, folder: Path, complaints: list[str]
) -> None:
    await page.get_by_label("API key").fill("im_live_wrong")
    await page.get_by_label("Choose an image").set_input_files(folder / "letter.png")
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_contain_text("401: the API key is wrong")
    # Chromium notes every answer that is an error on the console.
    assert ["401" in complaint for complaint in complaints] == [True]
    complaints.clear()


async def test_missing_image_is_asked_for_without_a_request(page: Page) -> None:
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_have_text("choose an image or give its URL")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_has_no_serious_fault_of_access(page: Page, folder: Path, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await ask(page, "Expressions of faces", folder / "portrait.jpg")

    assert await faults_of_access(page) == []


async def faults_of_access(page: Page) -> list[str]:
    # axe is added through the debugger, which the page's policy does not bind.
    found = await Axe().run(page)
    return [fault["id"] for fault in found.response["violations"] if fault["impact"] != "minor"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_catalogue_of_errors_is_led_to_and_without_fault(page: Page, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.get_by_role("link", name="Errors").click()
    await page.get_by_role("link", name="insufficient_balance").click()

    await expect(page).to_have_url(re.compile("/docs/errors#insufficient_balance$"))
    assert await faults_of_access(page) == []


async def test_job_that_is_switched_off_is_not_offered(browser: Browser, tmp_path: Path) -> None:
    async with running(gateway_settings(tmp_path, endpoints_off="colorize,emotions")) as gateway:
        page = await browser.new_page(base_url=gateway.url)
        await page.goto("/")

        await expect(page.get_by_role("radio")).to_have_count(4)
        await expect(page.get_by_label("Read text", exact=True)).to_be_checked()
        await page.close()


async def test_reference_lists_every_endpoint(browser: Browser, mesh: RunningMesh) -> None:
    complaints: list[str] = []
    page = await browser.new_page(base_url=mesh.url)
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)

    await page.goto("/docs")

    await expect(page.get_by_text("/api/v1/colorize", exact=True)).to_be_visible()
    await page.close()
    assert complaints == []
