"""Faults of the schema of the chart's values: what it should refuse and lets pass."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from modelkit.settings import ModelServiceSettings
from scripts.render_base import Object
from servicekit.settings import ProcessSettings
from tests.deploy.enum_checks import CHOICES

# What no value of this name may be.
REFUSED = {
    **dict.fromkeys(("nameOverride", "fullnameOverride", "claim", "secret", "tlsSecret"), "A b"),
    **dict.fromkeys(("storageClass", "runtimeClassName"), "A b"),
    **dict.fromkeys(("size", "sizeLimit", "tmpSizeLimit", "shmSize", "quantities"), "4GB"),
    **dict.fromkeys(("cidr", "addresses"), "10.0.0.1"),
    **dict.fromkeys(("mirror", "publicUrl", "prometheusUrl"), "mirror.example.org"),
    "url": "https://bucket",
    "digest": "sha256:latest",
    "interval": "30",
    "resource": "gpu",
}
FROM_ZERO = {"value", "percent", "tolerationSeconds", "cooldownSeconds"}
MOST = {"port": 65535, "ports": 65535, "percent": 100, "cpuPercent": 100}


def _choices(settings: Any, name: str) -> set[str]:  # Any: a class of settings
    return set(get_args(settings.model_fields[name].annotation))


ENUMS = {
    "pullPolicy": set(CHOICES["pullPolicy"]),
    "logLevel": _choices(ProcessSettings, "log_level"),
    "profile": _choices(ModelServiceSettings, "profile"),
    "whenUnsatisfiable": {"ScheduleAnyway", "DoNotSchedule"},
    "source": {"embedded", "image", "claim", "pull"},
    "type": {"ClusterIP", "NodePort", "LoadBalancer"},
    "operator": {"Exists", "Equal"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
}
REQUIRED = {"cpu", "memory"}  # of requests and of limits


def values_faults(schema: Object) -> list[str]:
    """Return what is wrong with a schema, a sentence each."""
    leaves = list(_leaves(schema, ""))
    faults = [fault for name, leaf in leaves for fault in _leaf(name, leaf)]
    names = {name for name, _ in leaves}
    faults += [f"no value is called {name}" for name in {*REFUSED, *ENUMS} - names]
    required = [set(part["required"]) for part in _parts(schema) if "required" in part]
    if REQUIRED not in required:
        faults.append(f"resources need {required}")
    return faults


def _parts(value: Any) -> Iterator[Object]:  # Any: a part of a JSON schema
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            yield from _parts(inner)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Object]]:  # Any: as above
    """Return what describes a value by the value's name; items go by that of their list."""
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    if not isinstance(value, dict):
        return
    if {"enum", "pattern"} & set(value) or value.get("type") in ("string", "integer"):
        yield name, value
    for key, inner in value.items():
        if key in {"properties", "$defs"}:
            for below, part in inner.items():
                yield from _leaves(part, below)
        elif key in {"items", "additionalProperties", "allOf", "anyOf"}:
            yield from _leaves(inner, name)


def _leaf(name: str, leaf: Object) -> Iterator[str]:
    if leaf.get("type") == "integer":
        least = 0 if name in FROM_ZERO else 1
        if leaf.get("minimum", -1) < least:
            yield f"{name} may be {leaf.get('minimum')}"
        if name in MOST and leaf.get("maximum") != MOST[name]:
            yield f"{name} may be at most {leaf.get('maximum')}"
    elif name in ENUMS:
        if set(leaf.get("enum", [])) != ENUMS[name]:
            yield f"{name} is one of {leaf.get('enum')}"
    elif name in REFUSED and re.search(leaf.get("pattern", ""), REFUSED[name]):
        yield f"{name} may be {REFUSED[name]!r}"
