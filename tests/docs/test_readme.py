"""Endpoints, links and commands of the README exist."""

import re
from pathlib import Path

from gateway.openapi.document import openapi_document

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_endpoint_is_in_the_table() -> None:
    paths = {path for path in openapi_document()["paths"] if path.startswith("/api/")}

    assert {path for path in paths if f" {path}`" not in README} == set()


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))

    assert {target for target in targets if f"\n{target}:" not in makefile} == set()
