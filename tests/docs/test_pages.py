"""Generated pages of docs/ are fresh."""

from pathlib import Path

from scripts.write_languages_page import languages_page
from scripts.write_settings_page import settings_page

ROOT = Path(__file__).parents[2]


def test_settings_page_is_fresh() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()


def test_languages_page_is_fresh() -> None:
    """So does it write this one, from what `python -m benchmarks.routes` measured."""
    assert (ROOT / "docs" / "languages.md").read_text() == languages_page()
