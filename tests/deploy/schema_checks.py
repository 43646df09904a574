"""What the strict schemas of Kubernetes refuse, at both ends of the supported range."""

import json
from functools import cache

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types

from scripts.render_base import Object

FLOOR, TOP = "1.30", "1.37"


def is_built_in(part: Object) -> bool:
    group = part["apiVersion"].rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and "gateway" not in group)


def schema_faults(parts: list[Object], version: str) -> list[str]:
    """Return what the strict schemas of a version of Kubernetes refuse."""
    faults = (_fault(json.dumps(part), version) for part in parts if is_built_in(part))
    return [fault for fault in faults if fault]


@cache  # most objects are the same in most renders
def _fault(text: str, version: str) -> str:
    part = json.loads(text)
    try:
        kubernetes_validate.validate(part, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{part['kind']} {part['metadata']['name']}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return str(error.message)
    return ""
