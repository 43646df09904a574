"""Fixtures that every test may use."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of pictures beside the checkout; skip where it is absent."""
    path = Path(__file__).parents[2] / "shared"
    if not (path / "eval").is_dir():
        pytest.skip("the evaluation pictures are not on this machine")
    return path
