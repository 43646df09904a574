"""Generated pages of docs/ and of the gateway are fresh."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from modelkit.manifest import load_manifest
from scripts.write_card_pages import STATIC, card_pages
from scripts.write_inputs_page import inputs, inputs_page
from scripts.write_languages_page import languages_page
from scripts.write_models_page import SERVICES, models_page
from scripts.write_settings_page import settings_page

ROOT = Path(__file__).parents[2]


def test_settings_page_is_fresh() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()


def test_languages_page_is_fresh() -> None:
    """So does it write this one, from what `python -m benchmarks.routes` measured."""
    assert (ROOT / "docs" / "languages.md").read_text() == languages_page()


def test_models_page_is_fresh() -> None:
    """And this one, from the manifests."""
    assert (ROOT / "docs" / "models.md").read_text() == models_page()


@pytest.mark.parametrize("service", SERVICES)
def test_every_model_tells_its_training_data_and_published_score(service: str) -> None:
    for entry in load_manifest(service):
        assert entry.trained_on, entry.name
        assert entry.published, entry.name
        # Of the models that are downloaded only this one was at hand.
        assert entry.url is None or entry.name == "yunet" or entry.measured is None


def test_card_pages_are_fresh() -> None:
    """Each card that a model names is a page of the gateway, and no other."""
    pages = dict(card_pages())

    assert {path.name: path.read_text() for path in STATIC.glob("card-*.html")} == pages


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.skipif(find_spec("pi_heif") is not None, reason="the page is that without HEIC")
def test_inputs_page_is_fresh() -> None:
    """And this one, from what becomes of at least forty kinds of files."""
    assert len(list(inputs())) >= 40
    assert (ROOT / "docs" / "inputs.md").read_text() == inputs_page()
