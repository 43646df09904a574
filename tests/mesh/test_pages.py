"""The page at `/` in real Chromium: each job on its sample, files, errors, programs."""

import asyncio
import io
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import (
    Locator,
    Page,
    Route,
    expect,
)

from tests.mesh.chromium import PHONE, choose, run
from tests.mesh.conftest import RunningMesh
from tests.mesh.images import letter, portrait

# How each program of the page is run as pasted: the file that it is saved as, and the command.
PROGRAMS = {
    "curl": ("ask.sh", ("sh", "ask.sh")),
    "Python": ("ask.py", (sys.executable, "ask.py")),
    "JavaScript": ("ask.mjs", ("node", "ask.mjs")),
    "Go": ("main.go", ("go", "run", "main.go")),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "letter.png").write_bytes(letter())
    (tmp_path / "portrait.jpg").write_bytes(portrait())
    return tmp_path


async def box_of(place: Locator) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of what is drawn."""
    box = await place.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ("Color", "a model's guess"),
        ("Read text", "2 x Sourdough loaf 9.60"),
        ("Analyze", "positive"),
        ("Faces", "Happy"),
        ("Classify", "balloon"),
        ("Nudity", "No nudity was found."),
    ],
)
async def test_job_answers_its_sample(page: Page, job: str, words: str) -> None:
    await choose(page, job)
    await run(page)

    await expect(page.locator(".beside")).to_contain_text(words)
    card = page.get_by_role("link", name="model card of").first
    await expect(card).to_be_visible()
    assert (await page.request.get(str(await card.get_attribute("href")))).ok


async def test_jobs_are_tabs_by_keyboard(page: Page) -> None:
    await page.get_by_role("tab", name="Color").focus()

    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Read text")).to_be_focused()
    await expect(page.get_by_role("tabpanel", name="Read text")).to_be_visible()
    await page.keyboard.press("End")
    await expect(page.get_by_role("tabpanel", name="Nudity")).to_contain_text("beach.jpg")


async def test_link_brings_the_key_and_leaves_the_address_bar(
    page: Page, mesh: RunningMesh
) -> None:
    assert page.url == f"{mesh.url}/"
    await expect(page.locator("#key")).to_have_value(mesh.key)
    assert await page.evaluate("history.length") == 2  # a blank page, and this one without a key
    await page.reload()
    await expect(page.locator("#key")).to_have_value(mesh.key)


async def test_photo_is_colored_and_uncovered_by_the_slider(page: Page, folder: Path) -> None:
    await choose(page, "Color", folder / "portrait.jpg")
    await run(page)

    after = page.get_by_alt_text("The image in color")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 50%)")
    await page.get_by_role("slider", name="without color").press("End")
    await expect(after).to_have_css("clip-path", "inset(0px 0px 0px 100%)")
    assert await after.evaluate("image => image.naturalWidth") == 320
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save the colored image").click()
    assert (await saving.value).suggested_filename == "portrait-colorized.jpeg"


async def test_box_and_row_light_up_together(page: Page, folder: Path) -> None:
    await choose(page, "Read text", folder / "letter.png")
    await run(page)
    boxes, rows = page.locator(".boxes > g"), page.locator(".rows > li")

    await rows.nth(2).hover()
    await expect(boxes.nth(2)).to_have_class("lit")
    await boxes.nth(1).locator(".line").hover()
    await expect(rows.nth(1)).to_have_class("lit")
    await rows.nth(0).get_by_role("button").press("ArrowDown")
    await expect(rows.nth(1).get_by_role("button")).to_be_focused()
    left, _, right, _ = await box_of(boxes.nth(1).locator("polygon"))
    image_left, _, image_right, _ = await box_of(page.get_by_alt_text("The image letter.png"))
    assert image_left < left < right < image_right


async def test_words_are_selected_on_the_image(page: Page, folder: Path) -> None:
    await choose(page, "Read text", folder / "letter.png")
    await run(page)

    word = page.locator(".line tspan", has_text="wonderful")
    await word.dblclick()

    assert str(await page.evaluate("getSelection().toString()")).strip() == "wonderful"
    left, top, right, bottom = await box_of(word)
    assert right - left > bottom - top > 5  # it lies in its place, as wide as it is printed


async def test_pages_of_a_pdf_are_shown_with_their_words(page: Page, folder: Path) -> None:
    first, second = (Image.open(io.BytesIO(each)) for each in (letter(), letter()))
    second.paste(255, (0, 0, 900, 130))  # without its first two lines
    pages = [each.convert("RGB") for each in (first, second)]
    pages[0].save(folder / "letter.pdf", save_all=True, append_images=pages[1:], resolution=100)

    await choose(page, "Read text", folder / "letter.pdf")
    await run(page)

    await expect(page.locator(".sheet .line").first).to_contain_text("Dear")
    await page.get_by_role("button", name="Next page").click()
    await expect(page.get_by_text("Page 2, 2 of 2")).to_be_visible()
    await expect(page.locator(".sheet .line").first).to_contain_text("wonderful")


async def test_answers_are_copied_and_saved(page: Page, folder: Path) -> None:
    await choose(page, "Read text", folder / "letter.png")
    await run(page)

    await page.get_by_role("button", name="Copy text").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "wonderful day" in await page.evaluate("navigator.clipboard.readText()")
    for button, name, start in (
        ("Save text", "letter.txt", b"Dear Ms. Alder"),
        ("Save JSON", "letter.json", b"{"),
        ("Save as searchable PDF", "letter.pdf", b"%PDF"),
    ):
        async with page.expect_download() as saving:
            await page.get_by_role("button", name=button).click()
        saved = await saving.value
        assert saved.suggested_filename == name
        await saved.save_as(folder / "saved")
        assert (folder / "saved").read_bytes().startswith(start)


async def test_files_are_listed_with_what_became_of_each(
    page: Page, folder: Path, complaints: list[str]
) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    files = [folder / name for name in ("portrait.jpg", "broken.png", "letter.png")]

    await choose(page, "Classify", *files)
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_have_text("1 of 3 failed; the list says why")
    items = page.get_by_role("list", name="Images to send").get_by_role("listitem")
    await expect(items).to_contain_text(["done", "415", "done"])
    await items.nth(2).get_by_role("button").first.click()
    await expect(page.get_by_alt_text("The image letter.png")).to_be_visible()
    complaints.clear()  # Chromium's own words on the status, and on an image that is none


@pytest.mark.parametrize("way", ["drop", "paste"])
async def test_image_is_dropped_and_pasted(page: Page, way: str) -> None:
    await page.evaluate(
        """(way) => {
          const taken = new DataTransfer();
          taken.items.add(new File(["x"], "mine.png", { type: "image/png" }));
          const event = way === "drop"
            ? new DragEvent(way, { dataTransfer: taken, bubbles: true })
            : new ClipboardEvent(way, { clipboardData: taken, bubbles: true });
          document.body.dispatchEvent(event);
        }""",
        way,
    )

    await expect(page.get_by_role("list", name="Images to send")).to_contain_text("mine.png1 KiB")


async def test_image_that_no_browser_shows_is_answered(page: Page, folder: Path) -> None:
    with Image.open(folder / "portrait.jpg") as image:
        image.save(folder / "portrait.tif")
    await choose(page, "Faces", folder / "portrait.tif")
    await run(page)

    await expect(page.get_by_text("This browser does not show this kind of image")).to_be_visible()
    await expect(page.get_by_role("list", name="Faces from left to right")).to_be_visible()


async def test_job_is_followed_to_its_answer(page: Page) -> None:
    await choose(page, "Classify")
    await page.get_by_label("as a job").check()

    async with page.expect_response(lambda reply: reply.status == 202):
        await run(page)

    await expect(page.get_by_role("row", name="balloon")).to_be_visible()


async def test_request_is_cancelled(page: Page) -> None:
    cut = asyncio.Event()
    page.on("requestfailed", lambda _: cut.set())
    await page.route("**/api/v1/colorize", lambda _: None)  # it is never answered
    await page.get_by_role("button", name="Run").click()
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"\d\.\d s"))
    await page.get_by_role("button", name="Cancel").click()

    await expect(page.locator("#state")).to_have_text("Cancelled.")
    await cut.wait()  # the gateway hears of it
    await page.unroute_all(behavior="ignoreErrors")
    await run(page)


async def test_answer_of_a_proxy_is_not_taken_for_the_gateway_s(
    page: Page, complaints: list[str]
) -> None:
    await run(page)
    proxied = partial(Route.fulfill, status=502, body="<h1>Bad Gateway</h1>")
    await page.route("**/api/v1/colorize", proxied)
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_contain_text("502: the answer is not the gateway's")
    await expect(page.get_by_alt_text("The image in color")).to_have_count(0)  # the old answer
    complaints.clear()  # Chromium's own words on the status


async def test_error_is_in_view_on_a_phone(page: Page, complaints: list[str]) -> None:
    await page.set_viewport_size(PHONE)
    await choose(page, "Read text")
    await page.get_by_text("API key", exact=False).first.click()
    await page.get_by_label("API key").fill("im_live_wrong")
    await page.get_by_role("button", name="Run").click()

    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("401: the API key is wrong")
    await expect(alert).to_contain_text("request")
    await expect(alert).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # Chromium notes every answer that is an error on the console.
    assert ["401" in complaint for complaint in complaints] == [True]
    complaints.clear()


async def test_missing_image_is_asked_for_without_a_request(page: Page) -> None:
    await page.get_by_label("or the URL").fill("x")
    await page.get_by_label("or the URL").fill("")
    await page.get_by_role("button", name="Run").click()

    await expect(page.get_by_role("alert")).to_have_text("choose an image or give its URL")


@pytest.mark.parametrize("language", PROGRAMS)
async def test_code_runs_as_pasted(
    page: Page, mesh: RunningMesh, folder: Path, language: str
) -> None:
    name, command = PROGRAMS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    await choose(page, "Classify")
    await page.get_by_text("The same in code").click()
    await page.get_by_role("tab", name=language).click()
    by_url = str(await page.locator("#code").text_content())
    await choose(page, "Classify", folder / "portrait.jpg")
    of_file = str(await page.locator("#code").text_content())

    assert mesh.key not in by_url + of_file
    for code, tag in ((by_url, '"balloon"'), (of_file, '"tag"')):
        (folder / name).write_text(code)
        assert tag in await ran(command, folder, mesh.key)


async def test_code_names_the_public_url(page: Page, mesh: RunningMesh) -> None:
    await page.goto(mesh.url.replace("127.0.0.1", "localhost"))
    await page.get_by_text("The same in code").click()

    await expect(page.locator("#code")).to_contain_text(f'"{mesh.url}/content/examples/landscape')


async def ran(command: tuple[str, ...], folder: Path, key: str) -> str:
    """Return what a command prints with the key set as README says."""
    process = await asyncio.create_subprocess_exec(
        *("env", f"IMAGEMESH_API_KEY={key}", *command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()
