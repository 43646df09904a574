"""Loaders of the reader and of the analyzer; they run in the thread of the model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2

from modelkit.loading import LoadedModel, loaded_model
from modelkit.manifest import InstalledModel, ModelEntry, candidates_of, find_model, model_path
from modelkit.runtime import OnnxNetwork
from ocr.abstractive import AbstractiveSummarizer
from ocr.analysis import Analyzer
from ocr.embedding import SentenceEmbedder
from ocr.ppocr import PpOcr
from ocr.reading import Reader
from ocr.settings import OcrSettings
from ocr.tesseract import Tesseract, find_data_dir
from ocr.tokens import MiniLmTokenizer
from servicekit.errors import ModelNotInstalled
from servicekit.logs import get_logger

PPOCR_TASKS = ("detect-text", "read-text")
RECOGNIZED_SCRIPTS = ("Arab", "Cyrl", "Deva", "Grek", "Kore", "Taml", "Telu", "Thai")
TOKENIZER_FILE = "minilm.tokenizer.json"  # beside the graph
SUMMARIZER_TASKS = ("encode-summary", "decode-summary", "summary-tokens")

log = get_logger("ocr")


def load_reader(settings: OcrSettings, entries: Sequence[ModelEntry]) -> LoadedModel[Reader]:
    """Return the reader with PP-OCR and Tesseract; the model is the recognizer of PP-OCR.

    Raises:
        NotInstalled: A PP-OCR model, or the device that it is to run on, is missing.
    """
    ppocr = load_ppocr(settings, entries)
    by_script = {script: one.model for script, one in ppocr.model.by_script.items()}
    return ppocr.with_model(Reader(ppocr.model, load_tesseract(settings), by_script))


def load_ppocr(settings: OcrSettings, entries: Sequence[ModelEntry]) -> LoadedModel[PpOcr]:
    """Return PP-OCR with the best models that are installed, on any device; as `load_reader`."""
    detector, recognizer = (_find(settings, entries, task) for task in PPOCR_TASKS)
    by_script = _find_recognizers(settings, entries)
    engine = PpOcr(detector, recognizer, settings.open_runtime(), by_script=by_script)
    # Any: models of several kinds.
    parts: tuple[LoadedModel[Any], ...] = (engine.detector, *engine.by_script.values())
    return replace(engine.recognizer.with_model(engine), parts=parts)


def _find_recognizers(
    settings: OcrSettings, entries: Sequence[ModelEntry]
) -> dict[str, InstalledModel]:
    """Return the recognizers of single scripts; the profile "auto" does without missing ones."""
    found: dict[str, InstalledModel] = {}
    for script in RECOGNIZED_SCRIPTS:
        model = _find_optional(settings, entries, script_task(script))
        if model is not None:
            found[script] = model
    return found


def script_task(script: str) -> str:
    """Return the task of the recognizer of a script, such as "read-arab"."""
    return f"read-{script.lower()}"


def load_tesseract(settings: OcrSettings) -> Tesseract:
    """Return Tesseract, without languages where no data is found."""
    cv2.setNumThreads(settings.threads)
    data_dir = find_data_dir(settings.tessdata_dir)
    if data_dir is None:
        log.warning("no Tesseract language data found")
    return Tesseract(data_dir)


def load_analyzer(settings: OcrSettings, entries: Sequence[ModelEntry]) -> LoadedModel[Analyzer]:
    """Return the analyzer.

    Raises:
        NotInstalled: A model, or the device that it is to run on, is missing.
    """
    embedder = load_embedder(settings, entries)
    return embedder.with_model(Analyzer(embedder.model))


def load_embedder(
    settings: OcrSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[SentenceEmbedder]:
    """Return the embedding model; as `load_analyzer`.

    Its parts are the sentiment network and, where one is installed, the polarity network.
    """
    found, tones = (_find(settings, entries, task) for task in ("embed-text", "sentiment"))
    judges = [tones]
    polarity = _find_optional(settings, entries, "polarity")
    if polarity is not None:
        judges.append(polarity)
    runtime = settings.open_runtime()
    sentences, *networks = (runtime.open(one.path, sizes_vary=True) for one in (found, *judges))
    tokenizer = MiniLmTokenizer(found.path.with_name(TOKENIZER_FILE))
    embedder = SentenceEmbedder(sentences, networks[0], tokenizer, *networks[1:])
    parts = tuple(
        loaded_model(judge.entry.task, judge, network)
        for judge, network in zip(judges, networks, strict=True)
    )
    return loaded_model(embedder, found, sentences, parts=parts)


def has_summarizer(settings: OcrSettings, entries: Sequence[ModelEntry]) -> bool:
    """Return whether the service has to load an abstractive summarizer.

    The profile "full" needs one; "auto" takes one whose three files are there.
    """
    tasks = [candidates_of(entries, task, settings.profile) for task in SUMMARIZER_TASKS]
    if settings.profile != "auto":
        return all(tasks)
    return all(any(_is_there(entry, settings) for entry in candidates) for candidates in tasks)


def load_summarizer(
    settings: OcrSettings, entries: Sequence[ModelEntry]
) -> LoadedModel[AbstractiveSummarizer]:
    """Return the abstractive summarizer; the model is its decoder.

    Raises:
        NotInstalled: A file, or the device that it is to run on, is missing.
    """
    encoder, decoder, tokens = (_find(settings, entries, task) for task in SUMMARIZER_TASKS)
    runtime = settings.open_runtime()
    encoding = runtime.open_session(encoder.path, sizes_vary=True)
    decoding = runtime.open_session(decoder.path, sizes_vary=True)
    summarizer = AbstractiveSummarizer(encoding, decoding, tokens.path)
    part = loaded_model("encoder", encoder, OnnxNetwork(encoding))
    return loaded_model(summarizer, decoder, OnnxNetwork(decoding), parts=(part,))


def _is_there(entry: ModelEntry, settings: OcrSettings) -> bool:
    path = model_path(entry, settings.models_dir)
    return path is not None and path.is_file()


def _find_optional(
    settings: OcrSettings, entries: Sequence[ModelEntry], task: str
) -> InstalledModel | None:
    """Return the model of a task; None where the profile has none, or "auto" does without."""
    if not candidates_of(entries, task, settings.profile):
        return None
    try:
        return _find(settings, entries, task)
    except ModelNotInstalled:
        if settings.profile != "auto":
            raise
        return None


def _find(settings: OcrSettings, entries: Sequence[ModelEntry], task: str) -> InstalledModel:
    return find_model(entries, task, models_dir=settings.models_dir, profile=settings.profile)
