"""Fixtures that every test may use."""

from pathlib import Path

import pytest

from servicekit.logs import configure_logs


@pytest.fixture(autouse=True)
def _logs() -> None:
    """Log as a process of the mesh does; structlog's own default prints variables."""
    configure_logs("info", log_format="json")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of pictures beside the checkout; skip where it is absent."""
    path = Path(__file__).parents[2] / "shared"
    if not (path / "eval").is_dir():
        pytest.skip("the evaluation pictures are not on this machine")
    return path
