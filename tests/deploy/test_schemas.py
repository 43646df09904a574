"""Rendered objects fit the schemas of Kubernetes and of the operators that read them."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from helm_python import Chart, lint

from scripts.render_base import CHART, ROOT, Object
from tests.deploy.objects import rendered
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


def test_no_key_is_duplicated() -> None:
    """YAML's own loaders would keep the last one."""
    nodes = [node for text in yaml_texts() for node in yaml.compose_all(text, yaml.CSafeLoader)]

    assert [key for node in nodes for key in duplicated(node)] == []


def duplicated(node: yaml.Node | None) -> Iterator[str]:
    """Return the keys that stand twice in a map."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        yield from {key for key in keys if keys.count(key) > 1}
        for _, value in node.value:
            yield from duplicated(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from duplicated(value)


def yaml_texts() -> set[str]:
    """Return every YAML file of deploy/, and every one that the chart renders."""
    paths = (ROOT / "deploy").rglob("*.yaml")
    texts = {path.read_text() for path in paths if "templates" not in path.parts}
    for values in RENDERS.values():
        with Chart.load(CHART) as chart:
            files = chart.render(values=values, name="imagemesh", namespace="imagemesh")
        texts |= {text for name, text in files.items() if name.endswith(".yaml")}
    return texts
