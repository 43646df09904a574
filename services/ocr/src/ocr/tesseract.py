"""Engine Tesseract, in process: pages and lines of any script, and orientation."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import tesserocr  # type: ignore[import-untyped]  # its stubs lack the py.typed marker
from numpy.typing import NDArray
from tesserocr import PSM, PyTessBaseAPI

from modelkit.images import RgbImage
from modelkit.stopping import check_stop
from ocr.engines import PageLine, ReadText
from ocr.languages import Language
from ocr.preparation import (
    Corners,
    crop,
    downward,
    flatten_light,
    grow,
    part,
    runs_upright,
    upward,
)
from ocr.spelling import respell
from ocr.table import page_lines, table_lines, words_of
from servicekit.errors import LanguageNotInstalled

Read = TypeVar("Read", PageLine, ReadText)

# Where Debian, Ubuntu, Fedora and Homebrew (Apple silicon, Intel) put the language data.
_DATA_PLACES = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/usr/local/share/tessdata",
)
GREY_AXES = 2
# A line of 44 pixels height and 64 heights holds about 150 letters; longer crops are squeezed.
MAX_LINE_ASPECT = 64.0
_GROWTH = 0.05  # heights; the detector cuts off accents and descenders
_LINE_HEIGHT_PX = 44  # Tesseract's best size of a line
_SURE_OF_WORDS = 0.8  # below it a line is tried again without the look for words
# Of the files of all models in memory, where they take three times as much; the largest has 30 MB.
_MOST_MODEL_BYTES = 40_000_000
_MOST_LOADED = 16  # languages in memory at once, about 20 MB each
_ORIENTATION_MODEL = "osd"
# Right for 16 of 20 languages in all four turns; the table says for which scripts it is not asked.
_LEAST_ORIENTATION_CONFIDENCE = 5.0


def find_data_dir(configured: str) -> Path | None:
    """Return the given folder of language data, else the first usual one that has any."""
    if configured:
        return Path(configured)
    for place in _DATA_PLACES:
        for folder in sorted(Path("/").glob(place.removeprefix("/")), reverse=True):
            if any(folder.glob("*.traineddata")):
                return folder
    return None


def tesseract_version() -> str:
    """Return the version of the linked Tesseract, such as "5.5.4"."""
    return str(tesserocr.tesseract_version()).split()[1]


class Tesseract:
    """Cache of loaded languages; for one thread.

    Reading raises LanguageNotInstalled where the data of a language is missing.

    Args:
        data_dir: The folder of `*.traineddata` files; None when there is none.
        max_loaded: Most languages in memory; the one used longest ago makes room.
    """

    def __init__(self, data_dir: Path | None, *, max_loaded: int = _MOST_LOADED) -> None:
        self._data_dir = data_dir
        self._max_loaded = max_loaded
        self._loaded: OrderedDict[tuple[Path, ...], PyTessBaseAPI] = OrderedDict()

    def has(self, language: Language) -> bool:
        """Return whether the data of a language is on this machine."""
        return self._find_model(language.tesseract) is not None

    def read_page(self, pixels: NDArray[np.uint8], *languages: Language) -> list[PageLine]:
        """Read a whole page, its lines in reading order; `pixels` is RGB or grey."""
        api = self._open(languages)
        api.SetPageSegMode(PSM.AUTO)
        _set_image(api, pixels)
        api.Recognize()
        lines = page_lines(api.GetTSVText(0), api.GetUTF8Text())
        api.Clear()
        return [_spelt(line, languages) for line in lines]

    def read_line(
        self, pixels: NDArray[np.uint8], *languages: Language, raw: bool = False
    ) -> ReadText:
        """Read an image of one line, words in pixels of `pixels`.

        `raw` skips Tesseract's own look for words in it.
        """
        api = self._open(languages)
        api.SetPageSegMode(PSM.RAW_LINE if raw else PSM.SINGLE_LINE)
        _set_image(api, pixels)
        text = " ".join(api.GetUTF8Text().split())
        confidence = api.MeanTextConf() / 100 if text else 0.0
        words = words_of(text, list(chain(*table_lines(api.GetTSVText(0)))))
        api.Clear()
        return _spelt(ReadText(text, confidence, words), languages)

    def read_lines(
        self, pixels: RgbImage, lines: Sequence[Corners], *languages: Language
    ) -> list[ReadText]:
        """Read each line; the answers are in the order of `lines`, words in pixels of `pixels`."""
        if not lines:
            return []
        grey = flatten_light(pixels)
        return [self._read_in(grey, grow(line, _GROWTH), languages) for line in lines]

    def clockwise_turn(self, pixels: NDArray[np.uint8]) -> int | None:
        """Return how far to turn a page clockwise to read it: 0, 90, 180 or 270 degrees.

        None when there is too little text to tell, or no data for it on this machine.
        """
        return self.script_and_turn(pixels)[1]

    def script_and_turn(self, pixels: NDArray[np.uint8]) -> tuple[str, int | None]:
        """Return Tesseract's guess of the script, such as "Cyrillic", and `clockwise_turn`.

        The script is empty without a guess. It knows most scripts but not all, and takes the
        others for one of those it knows.
        """
        found = self._detect_orientation(pixels)
        if not found:
            return "", None
        is_sure = float(found["orient_conf"]) >= _LEAST_ORIENTATION_CONFIDENCE
        return str(found["script_name"]), -int(found["orient_deg"]) % 360 if is_sure else None

    def close(self) -> None:
        """Free every language."""
        while self._loaded:
            self._loaded.popitem()[1].End()

    def _detect_orientation(self, pixels: NDArray[np.uint8]) -> dict[str, str | float]:
        path = self._find_model(_ORIENTATION_MODEL)
        if path is None:
            return {}
        api = self._load((path,))
        api.SetPageSegMode(PSM.OSD_ONLY)
        _set_image(api, pixels)
        found: dict[str, str | float] | None = api.DetectOrientationScript()
        api.Clear()
        return found or {}

    def _read_in(
        self, grey: NDArray[np.uint8], line: Corners, languages: Sequence[Language]
    ) -> ReadText:
        """Read a line of an image; one that runs upright both ways."""
        texts = []
        for way in [downward(line), upward(line)] if runs_upright(line) else [line]:
            cut = _to_height(crop(grey, way, max_aspect=MAX_LINE_ASPECT))
            read = self.read_line(cut, *languages)
            if read.confidence < _SURE_OF_WORDS:
                raw = self.read_line(cut, *languages, raw=True)
                read = max(read, raw, key=lambda text: text.confidence)
            texts.append(_placed(read, way, width_px=cut.shape[1]))
        return max(texts, key=lambda text: text.evidence)

    def _open(self, languages: Sequence[Language]) -> PyTessBaseAPI:
        paths: dict[Path, None] = {}  # two languages may share a model
        for language in languages:
            path = self._find_model(language.tesseract)
            if path is None:
                raise LanguageNotInstalled(
                    f"the data of language {language.code} ({language.name}) is not installed; "
                    f"run `apt-get install {language.tesseract_package}`"
                )
            paths[path] = None
        return self._load(tuple(paths))

    def _find_model(self, model: str) -> Path | None:
        """Find script models both in `script/`, as upstream has them, and flat, as Debian does."""
        if self._data_dir is None:
            return None
        for name in (model, model.removeprefix("script/")):
            path = self._data_dir / f"{name}.traineddata"
            if path.is_file():
                return path
        return None

    def _load(self, paths: tuple[Path, ...]) -> PyTessBaseAPI:
        check_stop()
        if paths in self._loaded:
            self._loaded.move_to_end(paths)
            return self._loaded[paths]
        while self._loaded and not self._has_room(paths):
            self._loaded.popitem(last=False)[1].End()
        folder = self._data_dir or paths[0].parent
        names = (str(path.relative_to(folder)).removesuffix(".traineddata") for path in paths)
        api = PyTessBaseAPI(path=str(folder), lang="+".join(names))
        api.SetVariable("debug_file", "/dev/null")  # it writes to stderr otherwise
        self._loaded[paths] = api
        return api

    def _has_room(self, paths: tuple[Path, ...]) -> bool:
        size_bytes = sum(path.stat().st_size for key in (*self._loaded, paths) for path in key)
        return len(self._loaded) < self._max_loaded and size_bytes <= _MOST_MODEL_BYTES


def _spelt(read: Read, languages: Sequence[Language]) -> Read:
    """Return what was read in the spelling of its language, where that is only one."""
    if len(languages) != 1:
        return read
    code = languages[0].code
    words = tuple(replace(word, text=respell(word.text, code)) for word in read.words)
    return replace(read, text=respell(read.text, code), words=words)


def _placed(read: ReadText, line: Corners, *, width_px: int) -> ReadText:
    """Return what was read in a cut-out line with its words where the line stands."""
    words = (
        replace(
            word, corners=part(line, word.corners[0, 0] / width_px, word.corners[1, 0] / width_px)
        )
        for word in read.words
    )
    return replace(read, words=tuple(words))


def _to_height(line: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LINE_HEIGHT_PX / line.shape[0]
    size = (max(1, round(line.shape[1] * scale)), _LINE_HEIGHT_PX)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(line, size, interpolation=method), np.uint8)


def _set_image(api: PyTessBaseAPI, pixels: NDArray[np.uint8]) -> None:
    # Tesseract would keep four bytes of each colored pixel and read them no better.
    grey = pixels if pixels.ndim == GREY_AXES else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    api.SetImageBytes(np.ascontiguousarray(grey).tobytes(), width, height, 1, width)
