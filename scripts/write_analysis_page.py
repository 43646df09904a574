"""Write docs/analysis.md: what the ocr service finds in ten documents, and what a reader says."""

import tomllib
from pathlib import Path

from modelkit.manifest import load_manifest
from ocr.analysis import Analysis, Analyzer
from ocr.loaders import load_analyzer
from ocr.settings import OcrSettings

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "analysis.md"
DOCUMENTS = DOCS / "analysis"

HEAD = """# Summary, tone and tags

What the ocr service finds in ten documents that were written for this page, and what a reader \
says of it.
Some kinds and topics were chosen while looking at these documents: \
expect less of others.
How the tone is learned, and how often it is right on reviews, is in \
[models/sentiment](../models/sentiment/README.md).

`make docs` writes this page from `docs/analysis/`, do not edit it.
"""


def analysis_page(analyzer: Analyzer) -> str:
    """Return the page."""
    judged = tomllib.loads((DOCUMENTS / "judged.toml").read_text("utf-8"))
    parts = []
    right = 0
    for name, words in judged.items():
        text = (DOCUMENTS / f"{name}.txt").read_text("utf-8")
        analysis = analyzer.analyze(text)
        right += analysis.sentiment is not None and analysis.sentiment.tone == words["tone"]
        parts.append(_document(name, words, text, analysis))
    return "\n".join([HEAD, f"The tone is the reader's in {right} of {len(judged)}.", *parts, ""])


def _document(name: str, words: dict[str, str], text: str, analysis: Analysis) -> str:
    if analysis.sentiment is None:
        raise ValueError(f"{name}.txt was not analyzed: {analysis.notice}")
    letters = len(" ".join(text.split()))
    tone = f"{analysis.sentiment.tone} {analysis.sentiment.confidence:.2f}"
    return f"""
## [{words["title"]}](analysis/{name}.txt)

- Summary, {len(analysis.summary)} of {letters} letters: {analysis.summary}
- Tone: {tone}; the reader's: {words["tone"]}
- Tags: {", ".join(analysis.tags)}
- Verdict: {words["verdict"]}"""


if __name__ == "__main__":
    analyzer = load_analyzer(OcrSettings(threads=1), load_manifest("ocr")).model
    PAGE.write_text(analysis_page(analyzer), "utf-8")
