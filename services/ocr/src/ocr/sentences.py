"""Splitting of English text into paragraphs and sentences."""

import re
from collections.abc import Sequence

import numpy as np
import pysbd  # type: ignore[import-untyped]  # it ships no types

# A line shorter than this share of the long lines ends its paragraph: an address, a heading.
_FULL_LINE = 0.65
_LONG_LINES = 75  # percentile of the lengths that counts as a long line
# A hyphen after a letter at the end of a line, before a small letter: the word was divided.
_DIVIDED_WORD = re.compile(r"(?<=[A-Za-z])-\n(?=[a-z])")
_BLANK_LINE = re.compile(r"\n\s*\n")
# The splitter's time grows faster than the text; no paragraph of a letter is as long.
_MAX_PARAGRAPH = 2000
_LEAST_WORDS = 4  # of a sentence that has a topic
_END = re.compile(r"[.!?][\"')\]\u2019\u201d]*$")
# Openings and closings of letters stand for no content.
_FORMULA = re.compile(
    r"^(dear|hello|hi|to whom|sincerely|yours|(with )?(kind|best|warm) (regards|wishes)"
    r"|(i|we) look forward to (hearing|your)|thank you for your (time|consideration))\b",
    re.IGNORECASE,
)


def split_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a page, each on one line."""
    joined = _DIVIDED_WORD.sub("", text)
    lengths = [len(line.strip()) for line in joined.split("\n") if line.strip()]
    if not lengths:
        return []
    full = _FULL_LINE * float(np.percentile(lengths, _LONG_LINES))
    paragraphs = []
    for block in _BLANK_LINE.split(joined):
        current: list[str] = []
        for line in block.split("\n"):
            current.append(line.strip())
            if len(line.strip()) < full:
                paragraphs.append(" ".join(current))
                current = []
        paragraphs.append(" ".join(current))
    return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of an English page in their order."""
    segmenter = pysbd.Segmenter(language="en", clean=False)
    sentences = []
    for paragraph in split_paragraphs(text):
        for start in range(0, len(paragraph), _MAX_PARAGRAPH):
            sentences += segmenter.segment(paragraph[start : start + _MAX_PARAGRAPH])
    return [sentence.strip() for sentence in sentences if sentence.strip()]


def find_prose(sentences: Sequence[str], *, least_words: int = _LEAST_WORDS) -> list[int]:
    """Return the places of the sentences that say something, not headings, addresses, greetings.

    A text without such sentences, as a list, gives all that are long enough; else all.
    """
    long = [index for index, one in enumerate(sentences) if len(one.split()) >= least_words]
    content = [index for index in long if not _FORMULA.match(sentences[index])]
    whole = [index for index in content if _END.search(sentences[index])]
    return whole or content or list(range(len(sentences)))
