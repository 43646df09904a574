"""Images that are hard to read: long, sparse, transparent, in several scripts."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from modelkit.images import ImageLimits, RgbImage, decode_image
from ocr.asking import find_language
from ocr.preparation import fit
from ocr.reading import Reader
from tests.ocr.written import draw_lines

ENGLISH = find_language("eng")
NASKH = Path("/usr/share/fonts/truetype/noto/NotoNaskhArabic-Regular.ttf")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")  # it has letters of five scripts
TICKETS = {
    "eng": "Please keep this ticket until you leave.",
    "rus": "Пожалуйста, сохраняйте билет до выхода.",
    "ell": "Παρακαλώ κρατήστε το εισιτήριο σας.",
    "kat": "გთხოვთ შეინახოთ ეს ბილეთი",
    "heb": "נא לשמור את הכרטיס עד היציאה",
}


def write(
    text: str, *, size: tuple[int, int], at: tuple[int, int], size_px: int, colors: tuple[str, str]
) -> RgbImage:
    """Return a text on a plain image; colors are those of ground and letters."""
    image = Image.new("RGB", size, colors[0])
    font = ImageFont.load_default(size=size_px)
    ImageDraw.Draw(image).text(at, text, fill=colors[1], font=font)
    return np.asarray(image)


def test_long_dark_image_is_read_whole(reader: Reader) -> None:
    lines = [f"Message {number} of the day" for number in range(100, 150)]
    pixels = 255 - draw_lines(*lines, size_px=26, width=420)

    page = reader.read(fit(pixels), ENGLISH)

    assert page.text.split("\n") == lines
    assert page.warnings == ()


def test_wide_strip_is_read_whole(reader: Reader) -> None:
    words = [f"stop{number}" for number in range(100, 120)]
    strip = draw_lines(" ".join(words), size_px=40, width=3700)

    page = reader.read(fit(strip), ENGLISH)

    assert page.text.split() == words


@pytest.mark.parametrize(
    ("text", "at", "size_px", "colors"),
    [
        ("Chapter 3", (520, 100), 30, ("white", "black")),
        ("Notes", (900, 850), 34, ("#102040", "#e0e0e0")),
    ],
)
def test_lone_line_of_a_page_is_read(
    reader: Reader, text: str, at: tuple[int, int], size_px: int, colors: tuple[str, str]
) -> None:
    pixels = write(text, size=(1240, 1754), at=at, size_px=size_px, colors=colors)

    page = reader.read(fit(pixels), ENGLISH)

    assert (page.text, page.warnings) == (text, ())


@pytest.mark.parametrize(
    ("text", "size", "size_px", "colors"),
    [
        ("I", (60, 60), 38, ("white", "black")),
        ("A", (90, 120), 40, ("#204060", "white")),
        ("7", (300, 200), 60, ("white", "#800000")),
    ],
)
def test_single_letter_is_read(
    reader: Reader, text: str, size: tuple[int, int], size_px: int, colors: tuple[str, str]
) -> None:
    at = (size[0] // 3, size[1] // 5)
    page = reader.read(fit(write(text, size=size, at=at, size_px=size_px, colors=colors)), ENGLISH)

    assert page.text == text


@pytest.mark.parametrize("lines", [["7"], ["1204 88 97", "3051 42 16", "- 12 -"]])
def test_numbers_need_no_language(reader: Reader, lines: list[str]) -> None:
    page = reader.read(fit(draw_lines(*lines, size_px=44, width=600)))

    assert page.text.split("\n") == lines
    assert page.language == "eng"


@pytest.mark.parametrize("letters", [["white"], ["black"], ["white", "black"]])
def test_text_on_transparency_is_read_whatever_its_color(
    reader: Reader, letters: list[str]
) -> None:
    image = Image.new("RGBA", (640, 60 + 60 * len(letters)), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    for row, color in enumerate(letters):
        pen.text((30, 30 + 60 * row), "You never told me", color, ImageFont.load_default(size=32))
    output = io.BytesIO()
    image.save(output, "PNG")

    pixels = decode_image(output.getvalue(), ImageLimits(), in_contrast=True).pixels
    page = reader.read(fit(pixels), ENGLISH)

    assert page.text.split("\n") == ["You never told me"] * len(letters)


@pytest.mark.parametrize(
    ("code", "left", "turn"), [("eng", 20, 1), ("eng", 780, -1), ("slk", 20, -1)]
)
def test_caption_that_runs_upright_beside_lines_is_a_line_of_its_own(
    reader: Reader, code: str, left: int, turn: int
) -> None:
    if not reader.is_installed(find_language(code)):
        pytest.skip("Tesseract's Slovak data is not installed")
    lines = ["Vlk a medved stoja pri rieke", "Otec vari obed a mama spieva"] * 4
    pixels = draw_lines(*lines, width=840).copy()
    pixels[:, 40:] = pixels[:, :-40]  # makes room for the caption
    caption = np.rot90(draw_lines("photo by Ada Novak", size_px=24, width=320)[30:66], turn)
    pixels[120 : 120 + caption.shape[0], left : left + caption.shape[1]] = caption

    page = reader.read(fit(pixels), find_language(code))

    read = [line.text for line in page.lines]
    assert sorted(read) == sorted([*lines, "photo by Ada Novak"])
    assert [text for text in read if text in lines] == lines


def test_lines_of_several_scripts_are_read_in_their_own(reader: Reader) -> None:
    if not all(reader.is_installed(find_language(code)) for code in TICKETS):
        pytest.skip("Tesseract's data of some scripts is not installed")
    if not DEJAVU.is_file():
        pytest.skip("DejaVu Sans is not installed")
    texts = [(code, TICKETS[code]) for code in ("kat", "heb", "rus", "eng", "ell")]
    image = Image.new("RGB", (1000, 60 + 80 * len(texts)), "white")
    font = ImageFont.truetype(DEJAVU, 36)
    for row, (_, text) in enumerate(texts):
        ImageDraw.Draw(image).text((20, 20 + 80 * row), text, "black", font)

    page = reader.read(fit(np.asarray(image)))

    assert [(line.language, line.text) for line in page.lines] == texts
    assert page.language == "kat+heb+rus+eng+ell"


@pytest.mark.parametrize(
    "text",
    [
        "نستخدم برنامج Windows في المكتب كل يوم",
        "شركة Microsoft تعلن عن منتج جديد",
        "أرسل رسالة إلى info@example.com اليوم",
    ],
)
def test_latin_word_of_an_arabic_line_keeps_its_letters(reader: Reader, text: str) -> None:
    arabic = find_language("ara")
    if not (reader.is_installed(arabic) and NASKH.is_file()):
        pytest.skip("Tesseract's Arabic data or Noto Naskh Arabic is not installed")
    image = Image.new("RGB", (900, 140), "white")
    fonts = {False: ImageFont.truetype(NASKH, 32), True: ImageFont.truetype(DEJAVU, 28)}
    right = 860.0
    for word in text.split():  # from the right
        font = fonts[word.isascii()]
        right -= font.getlength(word)
        top = 52 if word.isascii() else 40
        ImageDraw.Draw(image).text((right, top), word, "black", font)
        right -= 14

    page = reader.read(fit(np.asarray(image)), arabic)

    assert page.text == text
    assert [word.text for word in page.lines[0].words] == text.split()
