"""What each value of the chart changes, and that what it makes is whole."""

import pytest

from scripts.render_base import Object
from tests.deploy.cases import Case
from tests.deploy.faults import faults_of
from tests.deploy.mesh_cases import MESH_CASES
from tests.deploy.objects import rendered
from tests.deploy.paths import ABSENT, find, seen
from tests.deploy.service_cases import SERVICE_CASES

CASES = [*SERVICE_CASES, *MESH_CASES]


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
