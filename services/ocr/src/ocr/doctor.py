"""Models of the service for `imagemesh doctor`."""

from functools import partial

import numpy as np

from modelkit.doctor import Check
from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from ocr.abstractive import AbstractiveSummarizer
from ocr.embedding import SentenceEmbedder
from ocr.loaders import (
    RECOGNIZED_SCRIPTS,
    has_summarizer,
    load_embedder,
    load_ppocr,
    load_summarizer,
    script_task,
)
from ocr.ppocr import PpOcr
from ocr.settings import OcrSettings
from servicekit.settings import load_settings

_LINE = np.array([[0, 0], [320, 0], [320, 48], [0, 48]], np.float64)
_SENTENCE = "The invoice of 4 October has been paid, and the parcel is on its way."


def checks() -> list[Check]:
    """Return every model of the service with a function that runs it."""
    settings = load_settings(OcrSettings)
    entries = load_manifest("ocr")
    found = [
        Check(
            "read-text",
            partial(load_ppocr, settings, entries),
            {
                "detect-text": PpOcr.detect,
                "read-text": _read_line,
                **{script_task(one): partial(_read_script, one) for one in RECOGNIZED_SCRIPTS},
            },
        ),
        Check(
            "embed-text",
            partial(load_embedder, settings, entries),
            {"embed-text": _embed, "sentiment": _judge, "polarity": _judge},
        ),
    ]
    if has_summarizer(settings, entries):
        found.append(
            Check(
                "decode-summary",
                partial(load_summarizer, settings, entries),
                {"decode-summary": _summarize, "encode-summary": _encode},
            )
        )
    return found


def _read_line(engine: PpOcr, image: RgbImage) -> object:
    return engine.read_lines(image, [_LINE])


def _read_script(script: str, engine: PpOcr, image: RgbImage) -> object:
    return engine.by_script[script].model.read_lines(image, [_LINE])


def _embed(embedder: SentenceEmbedder, image: RgbImage) -> object:
    del image
    return embedder.embed([_SENTENCE])


def _judge(embedder: SentenceEmbedder, image: RgbImage) -> object:
    del image
    return embedder.read([_SENTENCE])


def _summarize(summarizer: AbstractiveSummarizer, image: RgbImage) -> object:
    del image
    return summarizer.summarize(_SENTENCE)


def _encode(summarizer: AbstractiveSummarizer, image: RgbImage) -> object:
    del image
    return summarizer.encode(_SENTENCE)
