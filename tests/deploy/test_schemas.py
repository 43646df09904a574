"""What is rendered fits the schemas of Kubernetes and of the operators that it is for."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from helm_python import lint

from scripts.render_base import CHART, Object
from tests.deploy.objects import rendered
from tests.deploy.renders import EVERYTHING, RENDERS
from tests.deploy.schema_checks import FLOOR, TOP, schema_faults

CRD_FILES = {
    "ScaledObject": "scaledobject_v1alpha1.json",
    "ServiceMonitor": "servicemonitor_v1.json",
    "PrometheusRule": "prometheusrule_v1.json",
    "GRPCRoute": "grpcroute_v1.json",
}


@pytest.mark.parametrize("version", [FLOOR, TOP])
@pytest.mark.parametrize("name", RENDERS)
def test_a_render_fits_the_strict_schemas(name: str, version: str) -> None:
    assert schema_faults(rendered(RENDERS[name]), version) == []


def test_models_in_an_image_need_a_newer_kubernetes_than_the_floor() -> None:
    parts = rendered({"models": {"source": "image", "image": "m@sha256:1"}})

    assert schema_faults(parts, TOP) == []
    assert "'image' was unexpected" in str(schema_faults(parts, FLOOR))


@pytest.mark.parametrize("name", RENDERS)
def test_helm_lints_the_chart_strictly(name: str) -> None:
    report = lint(CHART, values=RENDERS[name], strict=True)

    # Helm's one wish is an icon, which only a catalogue of charts would show.
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


def test_an_unknown_field_of_an_operator_is_found(crd_schemas: Path) -> None:
    schema = json.loads((crd_schemas / CRD_FILES["ScaledObject"]).read_text())
    (part,) = [part for part in rendered(EVERYTHING) if part["kind"] == "ScaledObject"]

    part["spec"]["minReplicas"] = 1

    with pytest.raises(jsonschema.ValidationError, match="minReplicas"):
        jsonschema.Draft202012Validator(schema).validate(part)


def test_the_schema_of_the_values_is_one(chart_schema: Object) -> None:
    jsonschema.Draft202012Validator.check_schema(chart_schema)


def test_the_schema_knows_exactly_the_values_that_there_are(chart_schema: Object) -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())

    known = set(paths_of(chart_schema, chart_schema))

    assert known - {"global"} == set(leaves_of(defaults, known))


def paths_of(schema: Object, entry: Object, path: str = "") -> Iterator[str]:
    """Return the dotted names of the values that a schema describes."""
    for part in [entry, *entry.get("allOf", [])]:
        if "$ref" in part:
            name = part["$ref"].removeprefix("#/$defs/")
            yield from paths_of(schema, schema["$defs"][name], path)
            return
    if "properties" not in entry:
        assert entry["description"], path
        yield path
    for name, inner in entry.get("properties", {}).items():
        yield from paths_of(schema, inner, f"{path}.{name}".strip("."))


def leaves_of(value: object, known: set[str], path: str = "") -> Iterator[str]:
    """Return the dotted names of values, down to those that the schema describes."""
    if path in known or not isinstance(value, dict):
        yield path
        return
    for name, inner in value.items():
        yield from leaves_of(inner, known, f"{path}.{name}".strip("."))
