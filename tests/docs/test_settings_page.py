"""The pages of docs/ say what the code says."""

from pathlib import Path

from scripts.write_settings_page import settings_page

ROOT = Path(__file__).parents[2]


def test_settings_page_is_fresh() -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page()
