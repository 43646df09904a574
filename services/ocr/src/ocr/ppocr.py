"""Engine PP-OCR: a detector of lines, and recognizers of one or several scripts."""

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import cv2
import numpy as np
from omegaconf import OmegaConf
from onnxruntime import InferenceSession  # type: ignore[import-untyped]  # it ships no types
from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped]  # as above
    Fail,
    InvalidArgument,
    RuntimeException,
)
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_det import TextDetOutput
from rapidocr.ch_ppocr_rec.typings import WordInfo

from modelkit.images import RgbImage
from modelkit.loading import loaded_model
from modelkit.manifest import InstalledModel
from modelkit.runtime import OnnxNetwork, Runtime
from modelkit.stopping import check_stop
from ocr.engines import PageWord, ReadText
from ocr.languages import RIGHT_TO_LEFT
from ocr.preparation import (
    Corners,
    crop,
    downward,
    is_upright,
    part,
    runs_upright,
    sides,
    upward,
)
from ocr.scripts import as_written
from servicekit.errors import ModelNotInstalled

# Less than rapidocr's default and no loss on pages; receipts lose a word in a thousand at 1280.
DETECTOR_SIDE_PX = 1600
# A page of US Letter at that side; the detector takes 140 bytes for each pixel.
DETECTOR_MOST_PIXELS = 1_700_000
# A line of 48 pixels height and 64 heights holds about 150 letters; longer crops are squeezed.
MAX_LINE_ASPECT = 64.0
# The answer of the recognizer holds 18,710 numbers per 8 columns: 2048 columns are 19 MB.
MAX_BATCH_COLUMNS = 2048
MAX_LINES = 1000
MIN_LINE_CONFIDENCE = 0.5  # rapidocr's own threshold; below it are mostly drawings taken for text

_LINE_HEIGHT_PX = 48
_MIN_COLUMNS = 320  # the recognizer pads narrower lines to this


class LineRecognizer:
    """Recognizer of lines; for one thread.

    Attributes:
        name: Of its model.
        loaded: The loaded model.
    """

    def __init__(self, found: InstalledModel, runtime: Runtime, *, leftward: bool = False) -> None:
        """Load an ONNX model that carries its letters; nothing is ever downloaded.

        Args:
            found: The model.
            runtime: Opens its graph.
            leftward: Its script runs from right to left.

        Raises:
            NotInstalled: The device is cuda and cannot be had, or the graph is no recognizer.
        """
        session = runtime.open_session(found.path, sizes_vary=True)
        self.name = found.entry.name
        _require_recognizer(session, self.name)
        self._engine = _open_engine("Rec", found, session)
        self._leftward = leftward
        self.loaded = loaded_model(self, found, OnnxNetwork(session))

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[ReadText]:
        """Read each line; the answers are in the order of `lines`, words in pixels of `pixels`."""
        upright = [at for at, line in enumerate(lines) if is_upright(line)]
        turned = [downward(line) if is_upright(line) else line for line in lines]
        read = self._read_level(pixels, turned)
        if len(upright) <= len(lines) / 2:  # else the page lies on its side, or runs downwards
            self._read_upwards(pixels, lines, upright, read)
        short = [at for at in upright if not runs_upright(lines[at])]
        as_they_are = self._read_level(pixels, [lines[at] for at in short])
        for at, level in zip(short, as_they_are, strict=True):
            # A lone digit is upright too; what runs downwards has more letters that way.
            if len(level.text) >= len(read[at].text) or level.evidence > read[at].evidence:
                read[at] = level
        return read

    def _read_upwards(
        self,
        pixels: RgbImage,
        lines: Sequence[Corners],
        upright: Sequence[int],
        read: list[ReadText],
    ) -> None:
        """Replace what was read in upright lines that run upwards, as beside a photo."""
        upwards = self._read_level(pixels, [upward(lines[at]) for at in upright])
        for at, text in zip(upright, upwards, strict=True):
            read[at] = max(read[at], text, key=lambda one: one.evidence)

    def _read_level(self, pixels: RgbImage, level: Sequence[Corners]) -> list[ReadText]:
        read = [ReadText("", 0.0)] * len(level)
        for batch in _batches([_columns(line) for line in level]):
            check_stop()
            answer = self._engine.recognize_txt([_cut(pixels, level[index]) for index in batch])
            # `word_results` are declared as what becomes of them on a whole page.
            for index, text, confidence, places in zip(
                batch, answer.txts or (), answer.scores, answer.word_results, strict=True
            ):
                words = _words(text, cast("WordInfo", places), level[index])
                if self._leftward:
                    words = as_written(words)
                spelt = " ".join(word.text for word in words)
                read[index] = ReadText(spelt, float(confidence), words)
        return read


class PpOcr:
    """Detector, recognizer, and the installed recognizers of other scripts; for one thread.

    Attributes:
        detector: The loaded detector.
        recognizer: The loaded recognizer.
        by_script: Loaded recognizers of other scripts, by their ISO 15924 codes.
    """

    def __init__(
        self,
        detector: InstalledModel,
        recognizer: InstalledModel,
        runtime: Runtime,
        *,
        by_script: Mapping[str, InstalledModel] | None = None,
    ) -> None:
        """Load the ONNX models; nothing is ever downloaded.

        Raises:
            NotInstalled: The device is cuda and cannot be had, or a graph is no recognizer.
        """
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        session = runtime.open_session(detector.path, sizes_vary=True)
        self._engine = _open_engine("Det", detector, session)
        self.detector = loaded_model("detect-text", detector, OnnxNetwork(session))
        self.recognizer = LineRecognizer(recognizer, runtime).loaded
        self.by_script = {
            script: LineRecognizer(found, runtime, leftward=script in RIGHT_TO_LEFT).loaded
            for script, found in (by_script or {}).items()
        }

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return the corners of every piece of a line, in pixels of `pixels`, in no order."""
        check_stop()
        height, width = pixels.shape[:2]
        scale = min(
            1.0,
            DETECTOR_SIDE_PX / max(height, width),
            math.sqrt(DETECTOR_MOST_PIXELS / (height * width)),
        )
        size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        found = self._engine(bgr, use_det=True, use_cls=False, use_rec=False)
        if not isinstance(found, TextDetOutput) or found.boxes is None:
            return []
        return [np.asarray(box, np.float64) / scale for box in found.boxes]

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[ReadText]:
        """Read each line with the recognizer of Latin and East Asian scripts."""
        return self.recognizer.model.read_lines(pixels, lines)


def _open_engine(part: str, found: InstalledModel, session: InferenceSession) -> RapidOCR:
    """Return the engine of a detector ("Det") or a recognizer ("Rec")."""
    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_preprocess_img": False,  # images arrive fitted
            "Global.use_vertical_padding": False,
            "Global.return_word_box": True,
            "Global.use_cls": False,  # it turns long upright lines by 180 degrees
            "Det.limit_type": "max",
            "Det.limit_side_len": DETECTOR_SIDE_PX,
            "Det.max_candidates": MAX_LINES,
            "Rec.rec_batch_num": MAX_LINES,  # `_batches` bounds them by width instead
            f"{part}.model_path": str(found.path),
        }
    )
    # Its parameters take no session of ONNX Runtime, its configuration does.
    options = {**engine.cfg[part], "session": session}
    engine.cfg[part] = OmegaConf.create(options, flags={"allow_objects": True})
    return engine


def _require_recognizer(session: InferenceSession, name: str) -> None:
    """Raise where a graph is no recognizer of lines of 48 pixels that carries its letters."""
    letters = session.get_modelmeta().custom_metadata_map.get("character")
    if letters is None:  # rapidocr would download them
        raise ModelNotInstalled(f"model {name} has no list of letters in its metadata")
    shape = (1, 3, _LINE_HEIGHT_PX, _MIN_COLUMNS)
    classes = len(letters.splitlines()) + 2  # a blank before them, a space after them
    inputs = session.get_inputs()
    try:
        (scores,) = session.run(None, {inputs[0].name: np.zeros(shape, np.float32)})
    except (Fail, InvalidArgument, RuntimeException, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelNotInstalled(f"model {name} does not take {shape} float32: {reason}") from error
    if scores.ndim != len(("line", "column", "class")) or scores.shape[2] != classes:
        raise ModelNotInstalled(
            f"model {name} returns {scores.shape}; its letters need (1, columns, {classes})"
        )


def _words(text: str, places: WordInfo, line: Corners) -> tuple[PageWord, ...]:
    """Return the words of a line where the recognizer's columns show their letters."""
    if not places.words:
        return ()
    columns = np.concatenate([np.asarray(word) for word in places.word_cols]) + 0.5
    runs = [(run.start(), run.end()) for run in re.finditer(r"\S+", text)]
    lengths = [end - start for start, end in runs]
    ends = np.cumsum(lengths)
    first, last = columns[ends - lengths], columns[ends - 1]
    steps = np.diff(columns)
    within = np.delete(steps, ends[:-1] - 1)  # without the steps from word to word
    half = float(np.median(within if within.size else steps)) / 2 if steps.size else first[0]
    # Between two words half a letter, a space and half a letter take about a third each.
    third = (first[1:] - last[:-1]) / 3
    starts = np.maximum(first - half, np.append(0.0, first[1:] - third))
    stops = np.minimum(last + half, np.append(last[:-1] + third, places.line_txt_len))
    return tuple(
        PageWord(text[start:end], float(np.mean(places.confs[start:end])), part(line, left, right))
        for (start, end), left, right in zip(
            runs, *np.array([starts, stops]) / places.line_txt_len, strict=True
        )
    )


def _cut(pixels: RgbImage, corners: Corners) -> RgbImage:
    """Return a line as the recognizer takes it: BGR."""
    line = crop(pixels, corners, max_aspect=MAX_LINE_ASPECT)
    return np.asarray(cv2.cvtColor(line, cv2.COLOR_RGB2BGR), np.uint8)


def _columns(line: Corners) -> int:
    """Return the width of the recognizer's input for a line, in pixels."""
    short, long = sorted(sides(line))
    aspect = min(long / max(1.0, short), MAX_LINE_ASPECT)
    return max(_MIN_COLUMNS, round(aspect * _LINE_HEIGHT_PX))


def _batches(columns: Sequence[int]) -> Iterator[list[int]]:
    """Group lines of like width: every line of a batch is padded to the widest."""
    batch: list[int] = []
    for index in sorted(range(len(columns)), key=columns.__getitem__):
        if batch and (len(batch) + 1) * columns[index] > MAX_BATCH_COLUMNS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
