"""Render deploy/k8s/base from the Helm chart, for those who install with kubectl -k."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "k8s" / "chart"
BASE = ROOT / "deploy" / "k8s" / "base"
NAME = "imagemesh"

# What only Helm reads; a label of the tool would also differ between two ways to the same objects.
_HELM_KEYS = ("app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy")

Object = dict[str, Any]  # Any: Kubernetes has more kinds than are worth a type each

HEAD = "# Rendered from ../chart by `make base`; do not edit it.\n"


def render(
    values: Mapping[str, object] | None = None, *, name: str = NAME, namespace: str = NAME
) -> dict[str, list[Object]]:
    """Return the objects of the chart by the name of their template.

    Raises:
        HelmError: the values contradict the schema or each other.
    """
    with Chart.load(CHART) as chart:
        files = chart.render(values=dict(values or {}), name=name, namespace=namespace)
    return {
        Path(path).name: [part for part in yaml.load_all(text, yaml.CSafeLoader) if part]
        for path, text in files.items()
        if path.endswith(".yaml")
    }


def without_helm(parts: list[Object]) -> list[Object]:
    """Return copies of objects without the labels and annotations of Helm."""
    copies: list[Object] = json.loads(json.dumps(parts))
    for copy in copies:
        for kind in ("labels", "annotations"):
            entries = copy["metadata"].get(kind, {})
            for key in _HELM_KEYS:
                entries.pop(key, None)
            if not entries:
                copy["metadata"].pop(kind, None)
    return copies


def base_files() -> Iterator[tuple[str, str]]:
    """Return the names and texts of the files of the base."""
    files = {name: parts for name, parts in render().items() if parts}
    for name, parts in sorted(files.items()):
        yield name, HEAD + _dump(*without_helm(parts))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    yield "kustomization.yaml", HEAD + _dump(kustomization)


class _Dumper(yaml.SafeDumper):
    """Writes texts of many lines as blocks, and no aliases."""

    ignore_aliases = staticmethod(lambda _: True)  # type: ignore[assignment]  # it is no method here


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def _dump(*parts: Object) -> str:
    return yaml.dump_all(parts, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def main() -> int:
    """Write the files, and take away those that no template makes any more."""
    files = dict(base_files())
    BASE.mkdir(exist_ok=True)
    for path in BASE.glob("*.yaml"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (BASE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
