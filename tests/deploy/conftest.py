"""Fixtures of the tests of the deployment."""

import json
from pathlib import Path

import pytest

from scripts.render_base import CHART, Object


@pytest.fixture(scope="session")
def chart_schema() -> Object:
    """Return the schema of the chart's values."""
    schema: Object = json.loads((CHART / "values.schema.json").read_text())
    return schema


@pytest.fixture(scope="session")
def crd_schemas(shared_dir: Path) -> Path:
    """Return the folder of the schemas of operators' objects; skip where it is absent."""
    folder = shared_dir / "crd-schemas"
    if not folder.is_dir():
        pytest.skip("the schemas of the operators are not on this machine")
    return folder
