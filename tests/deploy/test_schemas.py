"""Rendered objects fit the schemas of Kubernetes and of the operators that read them."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from helm_python import Chart, lint

from scripts.render_base import CHART, ROOT, Object
from tests.deploy.objects import PROFILES, kustomized, rendered
from tests.deploy.renders import EVERYTHING, RENDERS

FLOOR, TOP = "1.30", "1.37"
CRD_FILES = {
    "ScaledObject": "scaledobject_v1alpha1.json",
    "ServiceMonitor": "servicemonitor_v1.json",
    "PrometheusRule": "prometheusrule_v1.json",
}


def schema_faults(parts: list[Object], version: str) -> list[str]:
    """Return the faults that the strict schemas of a version of Kubernetes find."""
    found = (_fault(json.dumps(part), version) for part in parts if is_built_in(part))
    return [fault for fault in found if fault]


def is_built_in(part: Object) -> bool:
    """Tell whether an object is of Kubernetes itself and not of an operator."""
    group = part["apiVersion"].rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and "gateway" not in group)


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


@pytest.mark.parametrize("version", [FLOOR, TOP])
@pytest.mark.parametrize("name", RENDERS)
def test_a_render_fits_the_strict_schemas(name: str, version: str) -> None:
    assert schema_faults(rendered(RENDERS[name]), version) == []


@pytest.mark.parametrize("version", [FLOOR, TOP])
@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in PROFILES)])
def test_a_build_of_kustomize_fits_the_strict_schemas(folder: str, version: str) -> None:
    assert schema_faults(kustomized(folder), version) == []


def test_models_in_an_image_need_a_newer_kubernetes_than_the_floor() -> None:
    parts = rendered({"models": {"source": "image", "image": "m@sha256:1"}})

    assert schema_faults(parts, TOP) == []
    assert "'image' was unexpected" in str(schema_faults(parts, FLOOR))


def test_the_floor_of_the_chart_is_the_one_that_is_checked() -> None:
    with Chart.load(CHART) as chart:
        assert chart.metadata["kubeVersion"] == f">={FLOOR}.0-0"


@pytest.mark.parametrize("name", RENDERS)
def test_helm_lints_the_chart_strictly(name: str) -> None:
    report = lint(CHART, values=RENDERS[name], strict=True)

    # Helm's one wish is an icon, which only a catalog of charts would show.
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]
    assert report["errors"] == []


@pytest.mark.parametrize("kind", CRD_FILES)
def test_objects_for_operators_fit_their_schemas(kind: str, crd_schemas: Path) -> None:
    schema = json.loads((crd_schemas / CRD_FILES[kind]).read_text())

    parts = [part for part in rendered(EVERYTHING) if part["kind"] == kind]

    assert parts
    for part in parts:
        # Without a check of the schema itself: it has patterns in the dialect of Go.
        jsonschema.Draft202012Validator(schema).validate(part)


def test_the_schema_of_the_values_is_one(chart_schema: Object) -> None:
    jsonschema.Draft202012Validator.check_schema(chart_schema)


class _Strict(yaml.SafeLoader):
    """Loader that refuses a duplicate key; YAML's own would keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own signature
        """Return the map."""
        keys = [self.construct_object(key) for key, _ in node.value if key.value != "<<"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} twice", node.start_mark)
        return super().construct_mapping(node, deep)


def yaml_texts() -> Iterator[str]:
    """Return the text of every YAML file of deploy/ and of everything that the chart renders."""
    for path in sorted((ROOT / "deploy").rglob("*.yaml")):
        if "templates" not in path.parts:
            yield path.read_text()
    for values in RENDERS.values():
        with Chart.load(CHART) as chart:
            files = chart.render(values=values, name="imagemesh", namespace="imagemesh")
        yield from (text for name, text in files.items() if name.endswith(".yaml"))


def test_no_key_is_duplicated() -> None:
    for text in yaml_texts():
        list(yaml.load_all(text, _Strict))
