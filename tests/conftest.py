"""Fixtures of all tests."""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

from servicekit.logs import configure_logs


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a command ask for more than a run of all tests has time for."""
    parser.addoption("--schema-cases", type=int, default=100, help="requests made up, at least")
    parser.addoption("--kill-rounds", type=int, default=1, help="kills of each process of jobs")
    parser.addoption("--renders", type=Path, help="folder for all renders of the chart")


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Gives each file to one process, and all files that may use the one mesh to the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        is_of_mesh = file.startswith("tests/mesh/") and "test_envoy" not in file
        return "mesh" if is_of_mesh else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    """Share the files among processes; Any: xdist's."""
    return FileScheduling(config, log)


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
