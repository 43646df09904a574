"""Rendered Kubernetes objects, as the tests read them."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.render_base import ROOT, Object, render, without_helm

K8S = ROOT / "deploy" / "k8s"
PROFILES = ("cpu", "gpu", "production")


def profile(name: str) -> Object:
    """Return the values of a profile; "default" has none."""
    if name == "default":
        return {}
    values: Object = yaml.safe_load((K8S / "profiles" / f"{name}.yaml").read_text())
    return values


def rendered(values: Mapping[str, object] | None = None) -> list[Object]:
    """Return all objects of the chart; the caller may change them."""
    parts: list[Object] = json.loads(_rendered(json.dumps(values or {})))
    return parts


@cache  # most tests begin with the same few renders
def _rendered(values: str) -> str:
    return json.dumps([part for parts in render(json.loads(values)).values() for part in parts])


@cache
def _built(folder: Path) -> str:
    command = ["kubectl", "kustomize", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kustomized(folder: str) -> list[Object]:
    """Return the objects of a folder of deploy/k8s, as `kubectl -k` builds them."""
    return list(yaml.load_all(_built(K8S / folder), yaml.CSafeLoader))


def comparable(parts: Sequence[Object]) -> dict[tuple[str, str], Object]:
    """Return objects by kind and name, without the differences of Helm and kustomize."""
    copies = without_helm(list(parts))
    for copy in copies:
        copy["metadata"].pop("namespace", None)
        for container in containers(copy):
            container.get("env", []).sort(key=lambda variable: str(variable["name"]))
    return {key_of(copy): copy for copy in copies}


def key_of(part: Object) -> tuple[str, str]:
    """Return kind and name."""
    return part["kind"], part["metadata"]["name"]


def of_kind(parts: Sequence[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [part for part in parts if part["kind"] == kind]


def one(parts: Sequence[Object], kind: str, name: str) -> Object:
    """Return the object imagemesh-`name` of a kind."""
    (found,) = [part for part in parts if key_of(part) == (kind, f"imagemesh-{name}")]
    return found


def pod_of(part: Object) -> Object:
    """Return the spec of the pods of a Deployment."""
    spec: Object = part["spec"]["template"]["spec"]
    return spec


def labels_of(part: Object) -> dict[str, str]:
    """Return the labels of the pods of a Deployment."""
    labels: dict[str, str] = part["spec"]["template"]["metadata"]["labels"]
    return labels


def containers(part: Object, *, init: bool = True) -> list[Object]:
    """Return the containers of a Deployment; other kinds have none."""
    if part["kind"] != "Deployment":
        return []
    pod = pod_of(part)
    return [*pod["containers"], *(pod.get("initContainers", []) if init else [])]


def environment(container: Object) -> dict[str, Any]:  # Any: a text, or a reference
    """Return the variables of a container: their value, or the reference to it."""
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in container.get("env", [])
    }


def ports_of(part: Object) -> dict[str, int]:
    """Return the ports of the containers of a Deployment by name."""
    return {
        port["name"]: port["containerPort"]
        for container in containers(part, init=False)
        for port in container.get("ports", [])
    }


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches labels; an empty one matches all."""
    wanted = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items())
