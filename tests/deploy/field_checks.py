"""Fields of rendered objects that no check looks at, and versions of operators' kinds."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.render_base import Object

# The operators' own: their objects are in no schema of Kubernetes.
VERSIONS = {
    "ScaledObject": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
}
ANY = "any"  # a map that whoever installs fills


def field_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return every field that is not among the known ones, and every version that is not."""
    for part in parts:
        kind, name = part["kind"], part["metadata"]["name"]
        for path in _unknown(part, _known().get(kind, {}), ""):
            yield f"{kind} {name}: no check knows the field {path}"
        if part["apiVersion"] != VERSIONS.get(kind, part["apiVersion"]):
            yield f"{kind} {name} is of {part['apiVersion']}"
    namespaces = {
        part["metadata"].get("namespace")
        for part in parts
        if part["kind"] not in {"Namespace", "PriorityClass"}
    }
    if len(namespaces) > 1:
        yield f"the objects are in {len(namespaces)} namespaces: {sorted(map(str, namespaces))}"


@cache
def _known() -> dict[str, Any]:  # Any: a tree of fields
    fields: dict[str, Any] = yaml.safe_load(  # Any: as above
        Path(__file__).with_name("known_fields.yaml").read_text()
    )
    return fields


def _unknown(value: object, known: Any, path: str) -> Iterator[str]:  # Any: as above
    if known == ANY:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _unknown(inner, known, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            place = f"{path}/{key}".strip("/")
            if not isinstance(known, dict) or key not in known:
                yield place
            else:
                yield from _unknown(inner, known[key], place)
