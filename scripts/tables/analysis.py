"""Ten documents of docs/analysis as the ocr service analyzes them, beside a reader's words."""

import tomllib
from pathlib import Path

from modelkit.manifest import load_manifest
from ocr.analysis import Analysis
from ocr.loaders import load_analyzer
from ocr.settings import OcrSettings

DOCUMENTS = Path(__file__).parents[2] / "docs" / "analysis"


def documents() -> str:
    """Return a section for each document."""
    analyzer = load_analyzer(OcrSettings(threads=1), load_manifest("ocr")).model
    judged = tomllib.loads((DOCUMENTS / "judged.toml").read_text("utf-8"))
    parts = []
    right = 0
    for name, words in judged.items():
        text = (DOCUMENTS / f"{name}.txt").read_text("utf-8")
        analysis = analyzer.analyze(text)
        right += analysis.sentiment is not None and analysis.sentiment.tone == words["tone"]
        parts.append(_document(name, words, text, analysis))
    return "\n\n".join([f"The tone is the reader's in {right} of {len(judged)}.", *parts])


def _document(name: str, words: dict[str, str], text: str, analysis: Analysis) -> str:
    if analysis.sentiment is None:
        raise ValueError(f"{name}.txt was not analyzed: {analysis.notice}")
    letters = len(" ".join(text.split()))
    tone = f"{analysis.sentiment.tone} {analysis.sentiment.confidence:.2f}"
    return f"""\
## [{words["title"]}](analysis/{name}.txt)

- Summary, {len(analysis.summary)} of {letters} letters: {analysis.summary}
- Tone: {tone}; the reader's: {words["tone"]}
- Tags: {", ".join(analysis.tags)}
- Verdict: {words["verdict"]}"""
