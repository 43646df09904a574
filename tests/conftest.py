"""Fixtures of all tests."""

from pathlib import Path

import pytest

from servicekit.logs import configure_logs


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a command ask for more than a run of all tests has time for."""
    parser.addoption("--schema-cases", type=int, default=300, help="requests made up, at least")
    parser.addoption("--kill-rounds", type=int, default=1, help="kills of each process of jobs")
    parser.addoption("--renders", type=Path, help="folder for all renders of the chart")


@pytest.fixture
def kill_rounds(pytestconfig: pytest.Config) -> int:
    """Return how many times each process of the durability test is killed."""
    return int(pytestconfig.getoption("kill_rounds"))


@pytest.fixture
def schema_cases(pytestconfig: pytest.Config) -> int:
    """Return how many requests are made up from the OpenAPI document, at least."""
    return int(pytestconfig.getoption("schema_cases"))


@pytest.fixture(autouse=True)
def _logs() -> None:
    """Log as a process of the mesh does; structlog's own default prints variables."""
    configure_logs("info", log_format="json")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of images beside the checkout; skip where it is absent."""
    path = Path(__file__).parents[2] / "shared"
    if not (path / "eval").is_dir():
        pytest.skip("the evaluation images are not on this machine")
    return path
