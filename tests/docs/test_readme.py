"""The README names targets that exist, and the page on the REST API every endpoint."""

import re
from pathlib import Path

from gateway.openapi.document import openapi_document

ROOT = Path(__file__).parents[2]


def test_every_endpoint_is_in_the_table() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    paths = {path for path in openapi_document()["paths"] if path.startswith("/api/")}

    assert {path for path in paths if f" {path}`" not in page} == set()


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"\bmake ([a-z]+)", readme))

    assert targets
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
