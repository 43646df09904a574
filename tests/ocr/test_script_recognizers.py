"""Recognizers of single scripts behind the detector, with stand-ins of their signature."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagemesh.ocr.v1 import ocr_service_pb2 as pb
from modelkit.cli import choose_models, pull_models
from modelkit.images import RgbImage
from modelkit.manifest import InstalledModel, ModelEntry, load_manifest
from modelkit.runtime import Runtime
from modelkit.settings import ModelCommandSettings
from ocr.asking import find_language
from ocr.engines import PageWord
from ocr.languages import PP_OCR_LINES, all_languages
from ocr.loaders import RECOGNIZED_SCRIPTS, load_ppocr, script_task
from ocr.ppocr import LineRecognizer
from ocr.preparation import Corners
from ocr.routes import Routes
from ocr.scripts import as_written
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract
from servicekit.errors import LanguageNotInstalled, ModelNotInstalled
from tests.modelkit.file_server import FileServer, serving_file
from tests.ocr.serving import running
from tests.ocr.stand_ins import CYRILLIC, make_recognizer, paint_line
from tests.ocr.written import PANGRAM, page_png

ENTRY = next(entry for entry in load_manifest("ocr") if entry.name == "pp-ocrv5-cyrillic")
RUSSIAN, ENGLISH = find_language("rus"), find_language("eng")
SPACE = 6
HOME_CAT = [1, 2, 3, SPACE, 4, 2, 5]  # classes of two words
HOME_CAT_TEXT = "\u0434\u043e\u043c \u043a\u043e\u0442"
CORNERS = np.zeros((4, 2))


def recognizer_of(graph: bytes, folder: Path, *, leftward: bool = False) -> LineRecognizer:
    path = folder / ENTRY.file
    path.write_bytes(graph)
    return LineRecognizer(InstalledModel(ENTRY, path), Runtime(), leftward=leftward)


def whole(image: RgbImage) -> Corners:
    height, width = image.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


class NoEngine:
    """Engine that finds and reads nothing."""

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return no lines."""
        del pixels
        return []

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[Any]:
        """Fail: another recognizer was to read."""
        raise AssertionError(f"{len(lines)} lines of {pixels.shape} reached the wrong engine")


def test_line_is_prepared_and_decoded_as_its_authors_do(tmp_path: Path) -> None:
    """48 px high, BGR, from -1 to 1, grey at the right end; blank first, space last, CTC."""
    image = paint_line(HOME_CAT)

    (read,) = recognizer_of(make_recognizer(CYRILLIC), tmp_path).read_lines(image, [whole(image)])

    assert read.text == HOME_CAT_TEXT
    assert read.confidence > 0.95
    assert [word.text for word in read.words] == HOME_CAT_TEXT.split()
    # Each letter takes three columns of 8 px after the first one.
    assert read.words[1].corners[0][0] == pytest.approx(8 * (1 + 4 * 3), abs=12)


def test_repeated_letter_needs_a_blank_between(tmp_path: Path) -> None:
    image = paint_line([2, 2, 2])

    (read,) = recognizer_of(make_recognizer(CYRILLIC), tmp_path).read_lines(image, [whole(image)])

    assert read.text == CYRILLIC[2] * 3


def test_leftward_line_is_turned_into_the_order_of_writing(tmp_path: Path) -> None:
    arabic = "\u0627\u0628\u062a" + "12a"
    image = paint_line([5, SPACE, 3, 4, SPACE, 2, 1, 0])
    recognizer = recognizer_of(make_recognizer(arabic), tmp_path, leftward=True)

    (read,) = recognizer.read_lines(image, [whole(image)])

    assert read.text == "\u0627\u0628\u062a 12 a"
    assert read.words[0].corners[0][0] > read.words[1].corners[0][0] > read.words[2].corners[0][0]


@pytest.mark.parametrize(
    ("seen", "written"),
    [
        ("\u05d1\u05d0 \u05d3\u05d2", "\u05d2\u05d3 \u05d0\u05d1"),
        ("one two \u05d1\u05d0", "\u05d0\u05d1 one two"),
        ("2 1 \u05d1\u05d0", "\u05d0\u05d1 1 2"),
        ("(\u05d1\u05d0)", "(\u05d0\u05d1)"),
        (".12.5%\u05d1\u05d0", "\u05d0\u05d1%12.5."),
        ("", ""),
    ],
)
def test_words_are_written_as_the_bidirectional_algorithm_shows_them(
    seen: str, written: str
) -> None:
    words = [PageWord(text, 1.0, CORNERS) for text in seen.split()]

    assert " ".join(word.text for word in as_written(words)) == written


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (make_recognizer(CYRILLIC, height=32), r"does not take \(1, 3, 48, 320\) float32"),
        (make_recognizer(CYRILLIC, classes=7), r"returns \(1, 40, 7\); its letters need .* 8\)"),
        (make_recognizer(None), "has no list of letters"),
    ],
)
def test_graph_of_another_shape_is_refused_in_one_line(
    graph: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotInstalled, match=f"model pp-ocrv5-cyrillic {message}") as caught:
        recognizer_of(graph, tmp_path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("languages", [(RUSSIAN,), (RUSSIAN, ENGLISH)])
def test_language_is_read_by_the_recognizer_of_its_script(
    languages: tuple[Any, ...], tmp_path: Path
) -> None:
    image = paint_line(HOME_CAT)
    recognizer = recognizer_of(make_recognizer(CYRILLIC), tmp_path)
    routes = Routes(NoEngine(), Tesseract(None), {"Cyrl": recognizer})

    read = routes.read(image, [whole(image)], languages)

    assert [line.text for line in read.lines] == [HOME_CAT_TEXT]
    assert (read.route, read.recognizer) == (PP_OCR_LINES, "pp-ocrv5-cyrillic")
    assert routes.read_rows(image, [whole(image)], RUSSIAN)[0].text == HOME_CAT_TEXT
    assert routes.is_installed(RUSSIAN)
    assert routes.recognizer_of(RUSSIAN) == "pp-ocrv5-cyrillic"
    assert routes.recognizer_of(find_language("uzb_cyrl")) == ""


@pytest.mark.parametrize("codes", [("uzb_cyrl",), ("rus", "ell"), ("grc",)])
def test_language_that_the_recognizer_does_not_know_stays_with_tesseract(
    codes: Sequence[str], tmp_path: Path
) -> None:
    recognizer = recognizer_of(make_recognizer(CYRILLIC), tmp_path)
    routes = Routes(NoEngine(), Tesseract(None), {"Cyrl": recognizer, "Grek": recognizer})
    languages = tuple(find_language(code) for code in codes)

    with pytest.raises(LanguageNotInstalled):
        routes.read(paint_line(HOME_CAT), [], languages)


def test_every_recognized_script_has_a_model_and_languages() -> None:
    tasks = {entry.task for entry in load_manifest("ocr") if entry.name.startswith("pp-ocrv5-")}
    known = [one for one in all_languages().values() if one.script in RECOGNIZED_SCRIPTS]

    assert tasks == {script_task(script) for script in RECOGNIZED_SCRIPTS}
    assert sorted(one.code for one in known if not one.recognizer) == [
        "aze_cyrl",
        "grc",
        "uzb_cyrl",
    ]


def pull_stand_in(graph: bytes, models_dir: Path) -> list[ModelEntry]:
    """Pull a graph in place of the Cyrillic recognizer and return the manifest with its hash."""
    pinned = replace(ENTRY, sha256=hashlib.sha256(graph).hexdigest(), bytes=len(graph))
    entries = [pinned if one == ENTRY else one for one in load_manifest("ocr")]
    with serving_file(FileServer(graph)) as mirror:
        settings = ModelCommandSettings(models_dir=models_dir, models_mirror=mirror.url)
        assert (
            pull_models(
                choose_models(entries, [], profile="standard", tasks=[ENTRY.task]), settings
            )
            == 0
        )
    return entries


async def test_pulled_recognizer_answers_behind_the_detector_and_is_named(tmp_path: Path) -> None:
    entries = pull_stand_in(make_recognizer(CYRILLIC), tmp_path)

    async with running(tmp_path, entries) as stub:
        request = pb.RecognizeRequest(image=page_png(PANGRAM), language="rus")
        answer = await stub.Recognize(request)

    assert (answer.model.name, answer.model.version) == ("pp-ocrv5-cyrillic", "5.0.0")
    assert set(answer.text) == {CYRILLIC[0]}  # the letter of white, between the letters drawn


def test_standard_profile_asks_for_its_recognizers(tmp_path: Path) -> None:
    settings = OcrSettings(models_dir=tmp_path, profile="standard")

    with pytest.raises(ModelNotInstalled, match="imagemesh models pull pp-ocrv5-arabic"):
        load_ppocr(settings, load_manifest("ocr"))
