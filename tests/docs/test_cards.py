"""Every model has a model card."""

import re
from pathlib import Path

import pytest

from modelkit.manifest import ModelEntry, load_manifest

ROOT = Path(__file__).parents[2]
MODELS = [entry for package in ("colorize", "ocr", "vision") for entry in load_manifest(package)]


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_card_speaks_of_its_model(entry: ModelEntry) -> None:
    card = ROOT / entry.card

    assert card.is_file()
    names = (entry.name, entry.name.rpartition("-")[0], entry.task, Path(entry.file).name)
    assert any(letters(name) in letters(card.read_text()) for name in names if name)


def letters(text: str) -> str:
    """Return a text without what writers put between the parts of a name."""
    return re.sub(r"[\W_]", "", text.lower())
