"""Answers as messages of the contract."""

import numpy as np

from imagemesh.image.v1 import image_pb2
from modelkit.doubts import ImageWarning
from ocr.engines import PageLine
from ocr.formats import PrintedPage
from ocr.languages import PP_OCR_LINES, TESSERACT, all_languages
from ocr.messages import described, recognized
from ocr.reading import Page


def test_answer_tells_the_language_of_each_line_and_the_warnings() -> None:
    corners = np.zeros((4, 2))
    lines = tuple(PageLine("text", 0.9, corners, language=code) for code in ("eng", "rus"))
    languages = tuple(all_languages()[code] for code in ("eng", "rus"))
    warning = ImageWarning("unread_ink", "2 rows were not read")
    page = Page(lines, 0, PP_OCR_LINES, languages, (corners,), warnings=(warning,))

    message = recognized(PrintedPage(page, 1, 40, 30), model=image_pb2.Model())

    assert message.language == "eng+rus"
    assert [line.language for line in message.lines] == ["eng", "rus"]
    assert [(found.code, found.message) for found in message.warnings] == [
        ("unread_ink", "2 rows were not read")
    ]


def test_language_of_an_installed_recognizer_names_it() -> None:
    russian = all_languages()["rus"]

    message = described(russian, is_installed=True, recognizer="pp-ocrv5-cyrillic")

    assert (message.engine, message.route) == ("pp-ocrv5-cyrillic", PP_OCR_LINES)
    assert described(russian, is_installed=True).engine == TESSERACT
