"""The script of a text."""

import pytest

from ocr.scripts import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Nine lines", "Latn"),
        ("Девять строк ABC", "Cyrl"),
        ("كل إنسان 12", "Arab"),
        ("人人生而自由", "Hani"),
        ("すべての人間は", "Hira"),
        ("सभी मनुष्यों", "Deva"),
        ("𐌰𐌱𐌲", "Goth"),
        ("12.50 €", "Zyyy"),
        ("", "Zyyy"),
    ],
)
def test_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script
