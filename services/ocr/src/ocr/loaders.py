"""Loads the reader and the analyzer of the OCR service, within their threads."""

from collections.abc import Sequence

import cv2
import torch

from modelkit.devices import pick_device
from modelkit.loading import LoadedModel
from modelkit.manifest import ModelEntry, find_model
from ocr.analysis import Analyzer
from ocr.ppocr import PpOcr
from ocr.reading import Reader
from ocr.routes import Routes
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract, find_data_dir
from servicekit.errors import ModelNotInstalled
from servicekit.logs import get_logger

PPOCR_TASKS = ("detect-text", "read-text")

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
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = pick_device(settings.device)
    return LoadedModel(Analyzer(found.path.parent, device=device), found.entry, device)


def _load_engines(
    settings: OcrSettings, entries: Sequence[ModelEntry]
) -> tuple[PpOcr | ModelNotInstalled, Tesseract]:
    if settings.threads:
        cv2.setNumThreads(settings.threads)
    data_dir = find_data_dir(settings.tessdata_dir)
    if data_dir is None:
        log.warning("no Tesseract language data found")
    tesseract = Tesseract(data_dir, max_loaded=settings.loaded_languages)
    try:
        return _load_ppocr(settings, entries), tesseract
    except ModelNotInstalled as error:
        log.warning("model not installed", task="read-text", reason=str(error))
        return error, tesseract


def _load_ppocr(settings: OcrSettings, entries: Sequence[ModelEntry]) -> PpOcr:
    detector, recognizer = (
        find_model(entries, task, models_dir=settings.models_dir, profile=settings.profile).path
        for task in PPOCR_TASKS
    )
    return PpOcr(detector, recognizer, threads=settings.threads)
