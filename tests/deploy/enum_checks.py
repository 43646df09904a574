"""Values that the schemas of Kubernetes leave open and its API server refuses."""

from collections.abc import Iterator, Sequence
from typing import Any

from scripts.render_base import Object
from tests.deploy.objects import quantity

MOST_PRIORITY = 1_000_000_000  # beyond are the classes of the system

CHOICES: dict[str, frozenset[str]] = {
    "imagePullPolicy": frozenset({"Always", "IfNotPresent", "Never"}),
    "pullPolicy": frozenset({"Always", "IfNotPresent", "Never"}),
    "protocol": frozenset({"TCP", "UDP", "SCTP"}),
    "medium": frozenset({"", "Memory"}),
    "unhealthyPodEvictionPolicy": frozenset({"AlwaysAllow", "IfHealthyBudget"}),
    "fsGroupChangePolicy": frozenset({"Always", "OnRootMismatch"}),
}
_SERVICE_TYPES = frozenset({"ClusterIP", "NodePort", "LoadBalancer"})
_ACCESS_MODES = frozenset(
    {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"},
)


def enum_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return every value that is none of those that there are."""
    for part in parts:
        name = f"{part['kind']} {part['metadata']['name']}"
        for fault in [*_choices(part), *_quantities(part), *_of_kind(part)]:
            yield f"{name}: {fault}"


def _choices(value: Any) -> Iterator[str]:  # Any: whatever stands in an object
    for key, inner in _entries(value):
        if key in CHOICES and isinstance(inner, str) and inner not in CHOICES[key]:
            yield f"{key} is {inner}"


def _quantities(value: Any) -> Iterator[str]:  # Any: as above
    for key, inner in _entries(value):
        if key not in {"sizeLimit", "storage"}:
            continue
        try:
            quantity(inner)
        except ValueError as error:
            yield f"{key}: {error}"


def _entries(value: Any) -> Iterator[tuple[str, Any]]:  # Any: as above
    """Return all keys and values at any depth."""
    if isinstance(value, list):
        for inner in value:
            yield from _entries(inner)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _entries(inner)


def _of_kind(part: Object) -> Iterator[str]:
    spec = part.get("spec", {})
    if part["kind"] == "Service" and spec.get("type", "ClusterIP") not in _SERVICE_TYPES:
        yield f"the type is {spec['type']}"
    if part["kind"] == "PersistentVolumeClaim" and not set(spec["accessModes"]) <= _ACCESS_MODES:
        yield f"the access modes are {spec['accessModes']}"
    if part["kind"] == "PersistentVolumeClaim" and "storage" not in spec["resources"]["requests"]:
        yield "it asks for no storage"
    if part["kind"] == "ServiceAccount" and part.get("automountServiceAccountToken") is not False:
        yield "its token is mounted into pods that do not say otherwise"
    if part["kind"] == "PriorityClass" and not 0 <= part["value"] <= MOST_PRIORITY:
        yield f"the priority is {part['value']}"
    if part["kind"] == "HorizontalPodAutoscaler":
        for metric in spec["metrics"]:
            if metric["resource"]["name"] not in {"cpu", "memory"}:
                yield f"it scales by {metric['resource']['name']}"
