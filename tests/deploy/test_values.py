"""What each value of the chart changes, and that what it makes is whole."""

import re
from collections.abc import Iterator

import pytest

from scripts.render_base import Object
from tests.deploy.cases import Case
from tests.deploy.component_cases import COMPONENT_CASES
from tests.deploy.faults import faults_of
from tests.deploy.mesh_cases import MESH_CASES
from tests.deploy.objects import rendered
from tests.deploy.paths import ABSENT, find, seen
from tests.deploy.service_cases import SERVICE_CASES
from tests.deploy.test_schemas import paths_of

CASES = [*SERVICE_CASES, *MESH_CASES, *COMPONENT_CASES]
# Tested elsewhere: names by what Envoy is told, and `global` by a render that it changes not.
WITHOUT_CASE = {"nameOverride", "fullnameOverride", "global"}
_ONE_OF_THREE = re.compile(r"^services\.(colorize|vision)\.")


@pytest.fixture(scope="module")
def defaults() -> list[Object]:
    return rendered()


def nested(values: dict[str, object]) -> Object:
    """Return values by dotted names as Helm takes them."""
    tree: Object = {}
    for name, value in values.items():
        *folders, last = name.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return tree


def test_there_are_enough_cases_of_what_values_change() -> None:
    assert len(CASES) >= 100


def test_every_value_has_a_case(chart_schema: Object) -> None:
    """A value that no case sets may do nothing."""
    values = {_of_ocr(path) for path in paths_of(chart_schema, chart_schema)} - WITHOUT_CASE
    said = {_of_ocr(path) for case in CASES for path in leaves_of(nested(case.values))}

    assert {path for path in values if not any(leaf.startswith(path) for leaf in said)} == set()


def leaves_of(value: object, path: str = "") -> Iterator[str]:
    """Return the dotted names of all that values say."""
    if not isinstance(value, dict) or not value:
        yield path
        return
    for name, inner in value.items():
        yield from leaves_of(inner, f"{path}.{name}".strip("."))


def _of_ocr(path: str) -> str:
    return _ONE_OF_THREE.sub("services.ocr.", path)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_changes_what_it_says_and_what_it_makes_is_whole(
    case: Case, defaults: list[Object]
) -> None:
    given = ("Secret ", "PersistentVolumeClaim ", "PriorityClass ")  # of the case, not the chart's

    parts = rendered(nested(case.values))

    kind, name, path = case.place
    assert seen(find(parts, kind, name), path) == case.expected
    before = seen(find(defaults, kind, name), path)
    assert before != ABSENT if case.before == "..." else before == case.before
    faults = faults_of(parts)
    assert [
        fault
        for fault in faults
        if not fault.startswith(case.accepts) and not any(word in fault for word in given)
    ] == []
