"""Loads the reader and the analyzer of the OCR service, within their threads."""

from collections.abc import Sequence

import cv2
import torch

from modelkit.devices import pick_device
from modelkit.loading import LoadedModel
from modelkit.manifest import InstalledModel, ModelEntry, find_model
from ocr.analysis import Analyzer
from ocr.engines import LineEngine
from ocr.paddle import PaddleOcr, pick_onnx_device
from ocr.ppocr import PpOcr
from ocr.reading import Reader
from ocr.routes import Routes
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract, find_data_dir
from servicekit.errors import ModelNotInstalled
from servicekit.logs import get_logger

READ_TEXT = "read-text"
PPOCR_TASKS = ("detect-text", READ_TEXT)
_FULL = "full"
_EMBEDDED = "embedded"

log = get_logger("ocr")


def load_reader(settings: OcrSettings, entries: Sequence[ModelEntry]) -> Reader:
    """Return the reader with every engine that is installed."""
    return Reader(*_load_engines(settings, entries))


def load_routes(settings: OcrSettings, entries: Sequence[ModelEntry]) -> Routes:
    """Return the routes that the installed engines allow, to choose one by hand."""
    return Routes(*_load_engines(settings, entries))


def load_analyzer(settings: OcrSettings, entries: Sequence[ModelEntry]) -> LoadedModel[Analyzer]:
    """Return the analyzer.

    Raises:
        ModelNotInstalled: the embedding model is missing.
        NotInstalled: CUDA is asked for and missing.
    """
    found = find_model(
        entries, "embed-text", models_dir=settings.models_dir, profile=settings.profile
    )
    torch.set_num_threads(settings.threads)
    device = pick_device(settings.device)
    return LoadedModel(Analyzer(found.path.parent, device=device), found.entry, device)


def _load_engines(
    settings: OcrSettings, entries: Sequence[ModelEntry]
) -> tuple[LineEngine | ModelNotInstalled, Tesseract]:
    cv2.setNumThreads(settings.threads)
    data_dir = find_data_dir(settings.tessdata_dir)
    if data_dir is None:
        log.warning("no Tesseract language data found")
    tesseract = Tesseract(data_dir, max_loaded=settings.loaded_languages)
    try:
        return load_line_engine(settings, entries), tesseract
    except ModelNotInstalled as error:
        log.warning("model not installed", task="read-text", reason=str(error))
        return error, tesseract


def load_line_engine(settings: OcrSettings, entries: Sequence[ModelEntry]) -> LineEngine:
    """Return PaddleOCR for the models of the full profile, else the small route.

    Raises:
        ModelNotInstalled: a model is missing, or paddleocr where the full profile is told.
        NotInstalled: CUDA is asked for and missing.
    """
    found = _find_models(settings, entries, settings.profile)
    if all(model.entry.profile == _FULL for model in found):
        try:
            return _load_paddle(settings, *found)
        except ModelNotInstalled as error:
            if settings.profile == _FULL:
                raise
            log.warning("full profile not used", task="read-text", reason=str(error))
    detector, recogniser = _find_models(settings, entries, _EMBEDDED)
    return PpOcr(detector.path, recogniser.path, threads=settings.threads)


def _load_paddle(
    settings: OcrSettings, detector: InstalledModel, recogniser: InstalledModel
) -> PaddleOcr:
    device = pick_onnx_device(settings.device)
    return PaddleOcr(detector.path, recogniser.path, device=device, threads=settings.threads)


def _find_models(
    settings: OcrSettings, entries: Sequence[ModelEntry], profile: str
) -> tuple[InstalledModel, InstalledModel]:
    detector, recogniser = (
        find_model(entries, task, models_dir=settings.models_dir, profile=profile)
        for task in PPOCR_TASKS
    )
    return detector, recogniser
