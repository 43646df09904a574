"""Tesseract in process: reads pages and lines of any script, and finds how a page is turned."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tesserocr  # type: ignore[import-untyped]  # its stubs lack the py.typed marker
from numpy.typing import NDArray
from tesserocr import PSM, RIL, PyTessBaseAPI

from ocr.languages import Language
from ocr.pictures import Corners
from ocr.ppocr import ReadText
from servicekit.errors import LanguageNotInstalled

# Where Debian, Ubuntu, Fedora and Homebrew (Apple silicon, Intel) put the language data.
_DATA_PLACES = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/usr/local/share/tessdata",
)
GREY_AXES = 2
_ORIENTATION_MODEL = "osd"
# Right for 16 of 20 languages in all four turns; the table says for which scripts it is not asked.
_LEAST_ORIENTATION_CONFIDENCE = 5.0


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line that was read, with its place in pixels."""

    text: str
    confidence: float
    corners: Corners


def find_data_dir(told: str) -> Path | None:
    """Return the folder of Tesseract's language data: the one told, else the first usual place."""
    if told:
        return Path(told)
    for place in _DATA_PLACES:
        for folder in sorted(Path("/").glob(place.removeprefix("/")), reverse=True):
            if any(folder.glob("*.traineddata")):
                return folder
    return None


def tesseract_version() -> str:
    """Return the version of the linked Tesseract, such as "5.5.4"."""
    return str(tesserocr.tesseract_version()).split()[1]


class Tesseract:
    """The languages loaded so far; for one thread.

    Args:
        data_dir: The folder of `*.traineddata` files; None when there is none.
        max_loaded: Most languages in memory; the one used longest ago makes room.
    """

    def __init__(self, data_dir: Path | None, *, max_loaded: int) -> None:
        self._data_dir = data_dir
        self._max_loaded = max_loaded
        self._loaded: OrderedDict[str, PyTessBaseAPI] = OrderedDict()

    def has(self, language: Language) -> bool:
        """Tell whether the data of a language is on this machine."""
        return self._find_model(language.tesseract) is not None

    def read_page(self, pixels: NDArray[np.uint8], language: Language) -> list[PageLine]:
        """Read a whole page, its lines in reading order; `pixels` is RGB or grey.

        Raises:
            LanguageNotInstalled: its data is missing.
        """
        api = self._open(language)
        api.SetPageSegMode(PSM.AUTO)
        _set_image(api, pixels)
        api.Recognize()
        lines = list(_lines(api))
        api.Clear()
        return lines

    def read_line(
        self, pixels: NDArray[np.uint8], language: Language, *, raw: bool = False
    ) -> ReadText:
        """Read a picture of one line; `raw` skips Tesseract's own look for words in it.

        Raises:
            LanguageNotInstalled: its data is missing.
        """
        api = self._open(language)
        api.SetPageSegMode(PSM.RAW_LINE if raw else PSM.SINGLE_LINE)
        _set_image(api, pixels)
        text = " ".join(api.GetUTF8Text().split())
        confidence = api.MeanTextConf() / 100 if text else 0.0
        api.Clear()
        return ReadText(text, confidence)

    def clockwise_turn(self, pixels: NDArray[np.uint8]) -> int | None:
        """Return how far to turn a page clockwise to read it: 0, 90, 180 or 270 degrees.

        None when there is too little text to tell, or no data for it on this machine.
        """
        path = self._find_model(_ORIENTATION_MODEL)
        if path is None:
            return None
        api = self._load(path)
        api.SetPageSegMode(PSM.OSD_ONLY)
        _set_image(api, pixels)
        found = api.DetectOrientationScript()
        api.Clear()
        if not found or found["orient_conf"] < _LEAST_ORIENTATION_CONFIDENCE:
            return None
        return -int(found["orient_deg"]) % 360

    def close(self) -> None:
        """Free every language."""
        while self._loaded:
            self._loaded.popitem()[1].End()

    def _open(self, language: Language) -> PyTessBaseAPI:
        path = self._find_model(language.tesseract)
        if path is None:
            raise LanguageNotInstalled(
                f"the data of language {language.code} ({language.name}) is not installed; "
                f"run `apt-get install {language.tesseract_package}`"
            )
        return self._load(path)

    def _find_model(self, model: str) -> Path | None:
        """Find script models both in `script/`, as upstream has them, and flat, as Debian does."""
        if self._data_dir is None:
            return None
        for name in (model, model.removeprefix("script/")):
            path = self._data_dir / f"{name}.traineddata"
            if path.is_file():
                return path
        return None

    def _load(self, path: Path) -> PyTessBaseAPI:
        key = str(path)
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        while len(self._loaded) >= self._max_loaded:
            self._loaded.popitem(last=False)[1].End()
        api = PyTessBaseAPI(path=str(path.parent), lang=path.name.removesuffix(".traineddata"))
        api.SetVariable("debug_file", "/dev/null")  # it writes to stderr otherwise
        self._loaded[key] = api
        return api


def _set_image(api: PyTessBaseAPI, pixels: NDArray[np.uint8]) -> None:
    # Tesseract would keep four bytes of each coloured pixel and read them no better.
    grey = pixels if pixels.ndim == GREY_AXES else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    api.SetImageBytes(np.ascontiguousarray(grey).tobytes(), width, height, 1, width)


def _lines(api: PyTessBaseAPI) -> Iterator[PageLine]:
    found = api.GetIterator()
    if found is None:
        return
    level = RIL.TEXTLINE
    while True:
        box = found.BoundingBox(level)
        try:
            text = " ".join(found.GetUTF8Text(level).split())
        except RuntimeError:  # tesserocr's way to say that the line is empty
            text = ""
        if text and box is not None:
            left, top, right, bottom = box
            corners = np.array(
                [[left, top], [right, top], [right, bottom], [left, bottom]], np.float64
            )
            yield PageLine(text, found.Confidence(level) / 100, corners)
        if not found.Next(level):
            return
