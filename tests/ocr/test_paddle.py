"""PaddleOCR as an extra: real where it is installed, and told where it is not."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
import pytest

from modelkit.manifest import ModelEntry, find_model, load_manifest
from ocr.loaders import PPOCR_TASKS, load_line_engine
from ocr.paddle import PaddleOcr, pick_onnx_device
from ocr.ppocr import PpOcr
from ocr.settings import OcrSettings
from servicekit.errors import ModelNotInstalled, NotInstalled
from tests.ocr.written import PANGRAM, draw_lines

IS_INSTALLED = importlib.util.find_spec("paddleocr") is not None
with_paddle = pytest.mark.skipif(not IS_INSTALLED, reason="paddleocr is not installed")
without_paddle = pytest.mark.skipif(IS_INSTALLED, reason="paddleocr is installed")


def small_as_full() -> list[ModelEntry]:
    """Return the models that are always here, and the same again as if of the full profile."""
    small = [entry for entry in load_manifest("ocr") if entry.profile == "embedded"]
    return small + [
        replace(entry, name=f"{entry.name}-full", profile="full")
        for entry in small
        if entry.task in PPOCR_TASKS
    ]


@pytest.fixture(scope="module")
def paddle() -> PaddleOcr:
    detector, recogniser = (
        find_model(small_as_full(), task, models_dir=Path(), profile="full").path
        for task in PPOCR_TASKS
    )
    return PaddleOcr(detector, recogniser, device="cpu", threads=1)


def test_full_profile_without_its_models_names_the_command(tmp_path: Path) -> None:
    settings = OcrSettings(profile="full", models_dir=tmp_path)

    with pytest.raises(ModelNotInstalled, match="imagemesh models pull pp-ocrv6-medium-detector"):
        load_line_engine(settings, load_manifest("ocr"))


@without_paddle
def test_full_profile_without_paddleocr_names_the_command() -> None:
    with pytest.raises(ModelNotInstalled, match=r"pip install 'imagemesh-ocr\[paddle\]'"):
        load_line_engine(OcrSettings(profile="full"), small_as_full())


@without_paddle
def test_auto_profile_without_paddleocr_takes_the_small_route() -> None:
    engine = load_line_engine(OcrSettings(profile="auto", threads=1), small_as_full())

    assert isinstance(engine, PpOcr)


@pytest.mark.parametrize("missing", PPOCR_TASKS)
def test_half_of_the_full_profile_is_not_used(missing: str) -> None:
    entries = [
        entry for entry in small_as_full() if (entry.task, entry.profile) != (missing, "full")
    ]

    assert isinstance(load_line_engine(OcrSettings(threads=1), entries), PpOcr)


def test_device_is_what_onnx_runtime_has() -> None:
    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()

    assert pick_onnx_device("cpu") == "cpu"
    assert pick_onnx_device("auto") == ("cuda" if has_cuda else "cpu")
    if not has_cuda:
        with pytest.raises(NotInstalled, match="onnxruntime-gpu"):
            pick_onnx_device("cuda")


@with_paddle
def test_full_profile_is_paddleocr() -> None:
    engine = load_line_engine(OcrSettings(profile="full", threads=1), small_as_full())

    assert isinstance(engine, PaddleOcr)


@with_paddle
def test_lines_are_found_and_read(paddle: PaddleOcr) -> None:
    pixels = draw_lines(PANGRAM, "Invoice No. 4711")

    lines = sorted(paddle.detect(pixels), key=lambda corners: float(corners[0, 1]))
    read = paddle.read_lines(pixels, lines)

    assert [line.text for line in read] == [PANGRAM, "Invoice No. 4711"]
    assert all(0.9 < line.confidence <= 1 for line in read)


@with_paddle
def test_words_stand_in_their_line_from_left_to_right(paddle: PaddleOcr) -> None:
    pixels = draw_lines(PANGRAM)
    (line,) = paddle.detect(pixels)

    (read,) = paddle.read_lines(pixels, [line])

    lefts = [float(word.corners[0, 0]) for word in read.words]
    assert [word.text for word in read.words] == PANGRAM.split()
    assert lefts == sorted(lefts)
    assert line[:, 0].min() - 1 <= lefts[0] < lefts[-1] < line[:, 0].max()


@with_paddle
def test_empty_page_has_no_lines(paddle: PaddleOcr) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)

    assert paddle.detect(blank) == []
    assert paddle.read_lines(blank, []) == []
