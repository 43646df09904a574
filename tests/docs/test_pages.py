"""Generated tables of docs/ and pages of the gateway are fresh; `make docs` writes them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from modelkit.manifest import ModelEntry
from scripts.tables.pages import PAGES, filled
from scripts.write_card_pages import STATIC, card_pages
from tests.docs.test_cards import MODELS


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_of_page_are_fresh(page: Path) -> None:
    if page.stem == "inputs" and find_spec("pi_heif") is not None:
        pytest.skip("the page is that without HEIC")

    text = page.read_text("utf-8")

    assert text == filled(text)


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_model_tells_its_training_data_and_published_score(entry: ModelEntry) -> None:
    assert entry.trained_on
    assert entry.published
    # Of the models that are downloaded only this one was at hand.
    assert entry.url is None or entry.name == "yunet" or entry.measured is None


def test_card_pages_are_fresh() -> None:
    """Each card that a model names is a page of the gateway, and no other."""
    pages = dict(card_pages())

    assert {path.name: path.read_text() for path in STATIC.glob("card-*.html")} == pages
