"""PaddleOCR itself on ONNX Runtime: the engine of the full profile, and of GPUs."""

import importlib
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types

from modelkit.images import RgbImage
from ocr.engines import PageWord, ReadText
from ocr.pictures import Corners, crop, downward, is_upright, part
from ocr.ppocr import DETECTOR_SIDE_PX, MAX_LINE_ASPECT
from servicekit.errors import ModelNotInstalled, NotInstalled

_MISSING = "paddleocr is not installed; run `pip install 'imagemesh-ocr[paddle]'`"
# The tier only labels the weights: what PaddleOCR does with them is in the file that says it.
_DETECTOR_NAME = "PP-OCRv6_medium_det"
_RECOGNISER_NAME = "PP-OCRv6_medium_rec"
_CUDA = "CUDAExecutionProvider"
_LINES_PER_BATCH = 8
_MAX_LINES = 1000

# The numbers that rapidocr 3.10 runs PP-OCRv6 with, in its config.yaml.
_DETECTOR: dict[str, Any] = {  # Any: PaddleOCR's own format
    "Global": {"model_name": _DETECTOR_NAME},
    "PreProcess": {
        "transform_ops": [
            {"DetResizeForTest": {"resize_long": DETECTOR_SIDE_PX}},
            {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3, "order": "hwc"}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {
        "name": "DBPostProcess",
        "thresh": 0.3,
        "box_thresh": 0.5,
        "unclip_ratio": 1.6,
        "max_candidates": _MAX_LINES,
        "use_dilation": True,
    },
}


def pick_onnx_device(setting: str) -> str:
    """Return "cpu" or "cuda" for the setting "auto", "cpu" or "cuda".

    Raises:
        NotInstalled: CUDA is asked for and the installed ONNX Runtime has none.
    """
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if setting == "cuda" and not has_cuda:
        raise NotInstalled("device is cuda but ONNX Runtime has no CUDA; install onnxruntime-gpu")
    return "cuda" if has_cuda and setting != "cpu" else "cpu"


class PaddleOcr:
    """PaddleOCR's detector and recogniser; for one thread, as an instance must not be shared."""

    profile = "full"

    def __init__(self, detector: Path, recogniser: Path, *, device: str, threads: int) -> None:
        """Load two ONNX models; nothing is ever downloaded.

        Args:
            detector: a PP-OCR detector.
            recogniser: a PP-OCR recogniser with its letters in the metadata.
            device: "cpu" or "cuda", for which onnxruntime-gpu must be installed.
            threads: of the processor.

        Raises:
            ModelNotInstalled: the extra `paddle` is not installed.
        """
        try:
            # Here, because it is an extra, and because importing it takes seconds and 150 MB.
            paddleocr = importlib.import_module("paddleocr")
        except ModuleNotFoundError as error:
            raise ModelNotInstalled(_MISSING) from error
        self.device = device
        options = {
            "engine": "onnxruntime",
            "engine_config": {
                "intra_op_num_threads": threads,
                "inter_op_num_threads": 1,
                "enable_cpu_mem_arena": False,  # it keeps what the largest page took
            },
            "device": "gpu" if device == "cuda" else "cpu",
        }
        with tempfile.TemporaryDirectory() as folder:
            self._detector = paddleocr.TextDetection(
                model_name=_DETECTOR_NAME,
                model_dir=_model_folder(Path(folder, "detector"), detector, _DETECTOR),
                limit_side_len=DETECTOR_SIDE_PX,
                limit_type="max",
                **options,
            )
            self._recogniser = paddleocr.TextRecognition(
                model_name=_RECOGNISER_NAME,
                model_dir=_model_folder(
                    Path(folder, "recogniser"), recogniser, _describe_recogniser(recogniser)
                ),
                **options,
            )

    def detect(self, pixels: RgbImage) -> list[Corners]:
        """Return the corners of every piece of a line, in pixels of `pixels`, in no order."""
        (found,) = self._detector.predict(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return [np.asarray(corners, np.float64) for corners in found["dt_polys"]]

    def read_lines(self, pixels: RgbImage, lines: Sequence[Corners]) -> list[ReadText]:
        """Read each line; the answers are in the order of `lines`, words in pixels of `pixels`."""
        level = [downward(line) if is_upright(line) else line for line in lines]
        cuts = [
            cv2.cvtColor(crop(pixels, line, max_aspect=MAX_LINE_ASPECT), cv2.COLOR_RGB2BGR)
            for line in level
        ]
        # Every line of a batch is padded to the widest, and the places of letters are only right
        # where the lines of a batch come by width.
        order = sorted(range(len(cuts)), key=lambda one: cuts[one].shape[1] / cuts[one].shape[0])
        answers = self._recogniser.predict(
            [cuts[index] for index in order], batch_size=_LINES_PER_BATCH, return_word_box=True
        )
        read = [ReadText("", 0.0)] * len(lines)
        for index, answer in zip(order, answers, strict=True):
            text, places = answer["rec_text"]
            words = _words(text, places, float(answer["rec_score"]), level[index])
            spelt = " ".join(word.text for word in words)
            read[index] = ReadText(spelt, float(answer["rec_score"]) if words else 0.0, words)
        return read


def _model_folder(folder: Path, model: Path, description: dict[str, Any]) -> str:
    """Make a folder as PaddleOCR wants it, with a model and a file that says how to run it."""
    folder.mkdir()
    folder.joinpath("inference.onnx").symlink_to(model.resolve())
    folder.joinpath("inference.yml").write_text(json.dumps(description))  # JSON is YAML
    return str(folder)


def _describe_recogniser(model: Path) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    letters = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    return {
        "Global": {"model_name": _RECOGNISER_NAME},
        "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": letters},
    }


def _words(
    text: str, places: Sequence[Any], confidence: float, line: Corners
) -> tuple[PageWord, ...]:
    """Return the words of a line where the recogniser's columns show their letters.

    PaddleOCR tells no confidence of a word: each has that of its line.
    """
    length, _, columns, _ = places
    column = [one for group in columns for one in group]
    return tuple(
        PageWord(
            run.group(),
            confidence,
            part(
                line, column[run.start()] / length, min(1.0, (column[run.end() - 1] + 1) / length)
            ),
        )
        for run in re.finditer(r"\S+", text)
    )
