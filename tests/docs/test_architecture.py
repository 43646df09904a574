"""The page on the architecture: its drawing is that of its source, and its files exist."""

import re

import pytest

from docs.architecture import SVG, svg
from tests.docs.test_style import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_drawing_is_that_of_its_source() -> None:
    assert SVG.read_text() == svg()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w./-]+/[\w./-]+)`", PAGE))))
def test_file_that_is_named_exists(name: str) -> None:
    # NAME stands for one that a reader makes.
    assert (ROOT / name.partition("NAME")[0]).exists()
