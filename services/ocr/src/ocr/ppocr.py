"""PP-OCRv6 small: finds lines of text and reads Latin and CJK ones."""

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_det import TextDetOutput

from modelkit.images import RgbImage
from ocr.engines import ReadText
from ocr.pictures import Corners, crop

# Less than rapidocr's default and no loss on pages; receipts lose a word in a thousand at 1280.
DETECTOR_SIDE_PX = 1600
# A page of US Letter at that side; the detector takes 140 bytes for each pixel.
DETECTOR_MOST_PIXELS = 1_700_000
# A line of 48 pixels height and 64 heights holds about 150 letters; longer crops are squeezed.
MAX_LINE_ASPECT = 64.0
# The answer of the recogniser holds 18,710 numbers per 8 columns: 2048 columns are 19 MB.
MAX_BATCH_COLUMNS = 2048
MAX_LINES = 1000
MIN_LINE_CONFIDENCE = 0.5  # rapidocr's own threshold; below it are mostly pictures taken for text

_LINE_HEIGHT_PX = 48
_MIN_COLUMNS = 320  # the recogniser pads narrower lines to this
_VERTICAL = 1.5  # rapidocr reads crops that are 1.5 times as high as wide as turned


class PpOcr:
    """The detector and the recogniser; for one thread."""

    def __init__(self, detector: Path, recognizer: Path, *, threads: int) -> None:
        """Load both ONNX models; `threads` 0 means all cores. Nothing is ever downloaded."""
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_preprocess_img": False,  # pictures arrive fitted
                "Global.use_vertical_padding": False,
                "Global.use_cls": False,  # it turns long upright lines by 180 degrees
                "EngineConfig.onnxruntime.intra_op_num_threads": threads or -1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.model_path": str(detector),
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTOR_SIDE_PX,
                "Det.max_candidates": MAX_LINES,
                "Rec.model_path": str(recognizer),
                "Rec.rec_batch_num": MAX_LINES,  # `_batches` bounds them by width instead
            }
        )

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return the corners of every piece of a line, in pixels of `pixels`, in no order."""
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
        """Read each line; the answers are in the order of `lines`."""
        read = [ReadText("", 0.0)] * len(lines)
        for batch in _batches([_columns(line) for line in lines]):
            answer = self._engine.recognize_txt([_cut(pixels, lines[index]) for index in batch])
            for index, text, confidence in zip(
                batch, answer.txts or (), answer.scores, strict=True
            ):
                read[index] = ReadText(text.strip(), float(confidence))
        return read


def _cut(pixels: RgbImage, corners: Corners) -> RgbImage:
    """Return a line as the recogniser takes it: BGR, level."""
    line = crop(pixels, corners, max_aspect=MAX_LINE_ASPECT)
    return _level(np.asarray(cv2.cvtColor(line, cv2.COLOR_RGB2BGR), np.uint8))


def _level(line: RgbImage) -> RgbImage:
    height, width = line.shape[:2]
    if height < _VERTICAL * width:
        return line
    turned = np.rot90(line)
    # A thin upright stroke becomes as wide as it was high: the bound on the width holds here too.
    widest = max(1, round(turned.shape[0] * MAX_LINE_ASPECT))
    if turned.shape[1] <= widest:
        return np.ascontiguousarray(turned)
    return np.asarray(cv2.resize(turned, (widest, turned.shape[0])), np.uint8)


def _columns(line: Corners) -> int:
    """Return the width of the recogniser's input for a line, in pixels."""
    sides = sorted(float(np.hypot(*(line[end] - line[0]))) for end in (1, 3))
    aspect = min(sides[1] / max(1.0, sides[0]), MAX_LINE_ASPECT)
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
