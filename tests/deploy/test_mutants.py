"""A planted error of each kind is caught: the checks are tested as the chart is."""

from functools import cache

import pytest

from scripts.render_base import Object
from tests.deploy.chart_mutants import CHART_MUTANTS
from tests.deploy.faults import faults_of
from tests.deploy.mutants import MUTANTS, Mutant
from tests.deploy.needed_edges import NEEDED, excess
from tests.deploy.objects import rendered
from tests.deploy.paths import ABSENT, find, put, seen
from tests.deploy.renders import RENDERS
from tests.deploy.schema_checks import FLOOR, schema_faults


@cache
def found_before(profile: str) -> str:
    """Return all that any check finds in a render without a planted error."""
    return found_in(rendered(RENDERS[profile]))


def found_in(parts: list[Object]) -> str:
    """Return all that any check finds."""
    return "\n".join([*schema_faults(parts, FLOOR), *faults_of(parts)])


@pytest.mark.parametrize("mutant", [*MUTANTS, *CHART_MUTANTS], ids=str)
def test_a_planted_error_is_caught(mutant: Mutant) -> None:
    parts = rendered(RENDERS[mutant.profile])
    part = find(parts, mutant.kind, mutant.name)
    assert part is not None
    assert seen(part, mutant.path) != mutant.value
    assert mutant.report not in found_before(mutant.profile)

    put(part, mutant.path, mutant.value)

    assert mutant.report in found_in(parts)


def remove(parts: list[Object], kind: str, name: str) -> list[Object]:
    """Return the objects without one of them."""
    gone = find(parts, kind, name)
    assert gone is not None
    return [part for part in parts if part is not gone]


@pytest.mark.parametrize(
    ("kind", "name", "report"),
    [
        ("ServiceAccount", "ocr", "needs ServiceAccount imagemesh-ocr"),
        ("ConfigMap", "envoy", "needs ConfigMap imagemesh-envoy"),
        ("PersistentVolumeClaim", "gateway", "needs PersistentVolumeClaim imagemesh-gateway"),
        ("Service", "ocr", "Envoy's cluster ocr is imagemesh-ocr:50052"),
        ("Service", "gateway", "Envoy's cluster authz is imagemesh-gateway:8081"),
        ("Service", "mesh", "GATEWAY_OCR_ADDRESS is imagemesh-mesh:50052"),
        ("Deployment", "ocr", "Service imagemesh-ocr selects the pods of 0 Deployments"),
    ],
)
def test_an_object_that_is_missing_is_missed(kind: str, name: str, report: str) -> None:
    assert report in found_in(remove(rendered(), kind, name))


def test_missing_policies_are_missed() -> None:
    parts = rendered()
    policies = [part for part in parts if part["kind"] == "NetworkPolicy"]

    left = [part for part in parts if part not in policies]

    assert "no NetworkPolicy holds for all traffic of imagemesh-ocr" in faults_of(left)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("ocr", "spec/ingress/0/from", ABSENT),
        ("ocr", "spec/ingress/0/ports", ABSENT),
        ("ocr", "spec/ingress/0", ABSENT),
        ("ocr", "spec/ingress/1", ABSENT),
        ("ocr", "spec/egress", [{}]),
        ("gateway", "spec/egress/0", ABSENT),
        ("gateway", "spec/egress/0/ports/0", ABSENT),
        ("gateway", "spec/egress/0/to", ABSENT),
        ("gateway", "spec/egress/0/to/0/podSelector", ABSENT),
        ("gateway", "spec/egress/4/ports", ABSENT),
        ("gateway", "spec/egress/4/to/0/ipBlock/except", ABSENT),
        ("gateway", "spec/egress/4/to/1/ipBlock/except", ABSENT),
        ("gateway", "spec/egress/4/to/0/ipBlock/cidr", "10.0.0.0/8"),
        ("gateway", "spec/egress/1/to/0/podSelector", {}),
        ("gateway", "spec/ingress/0/from/0/podSelector", {}),
        ("envoy", "spec/ingress/1/from", ABSENT),
        ("envoy", "spec/ingress/2/from/0/namespaceSelector", {}),
        ("envoy", "spec/egress", [{}]),
        ("envoy", "spec/egress/1/ports/1", ABSENT),
    ],
)
def test_a_policy_with_a_hole_or_a_wall_too_many_is_caught(
    name: str, path: str, value: object
) -> None:
    parts = rendered()
    policy = find(parts, "NetworkPolicy", name)
    assert policy is not None
    assert excess(parts, NEEDED) == set()

    put(policy, path, value)

    assert excess(parts, NEEDED) != set()
