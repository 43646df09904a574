"""The chart as a whole: every render is without faults, its files are well-formed and it tells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import Chart

from scripts.render_base import CHART, ROOT, Object
from tests.deploy.faults import faults_of
from tests.deploy.objects import PROFILES, kustomized, of_kind, rendered
from tests.deploy.renders import RENDERS
from tests.deploy.schema_checks import FLOOR

# Of the renders themselves: what whoever gives such values has made before.
GIVEN = ("needs Secret admin,", "needs PersistentVolumeClaim weights,")


@pytest.mark.parametrize("name", RENDERS)
def test_a_render_has_no_faults(name: str) -> None:
    faults = faults_of(rendered(RENDERS[name]))

    assert [fault for fault in faults if not any(given in fault for given in GIVEN)] == []


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in PROFILES)])
def test_a_build_of_kustomize_has_no_faults(folder: str) -> None:
    assert faults_of(kustomized(folder)) == []


def test_an_uninstall_leaves_keys_and_credits() -> None:
    (claim,) = of_kind(rendered(), "PersistentVolumeClaim")

    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_floor_of_the_chart_is_the_one_that_is_checked() -> None:
    with Chart.load(CHART) as chart:
        assert chart.metadata["kubeVersion"] == f">={FLOOR}.0-0"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {},
            ["https://imagemesh-envoy.imagemesh", "imagemesh keys create", "SQLite on the volume"],
        ),
        ({"envoy": {"enabled": False}}, ["http://imagemesh-gateway.imagemesh:8080, without TLS"]),
        ({"networkPolicy": {"enabled": False}}, ["every pod of the cluster reaches the services"]),
        (
            {
                "gateway": {
                    "replicas": 2,
                    "database": {"secret": "pg"},
                    "results": {"url": "s3://b/r"},
                }
            },
            ["Each gateway counts rate limits for itself"],
        ),
    ],
)
def test_the_notes_tell_what_the_values_mean(values: dict[str, object], words: list[str]) -> None:
    with Chart.load(CHART) as chart:
        files = chart.render(values=values, name="imagemesh", namespace="imagemesh")

    notes = files["imagemesh/templates/NOTES.txt"]
    assert [word for word in words if word not in notes] == []


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice in a map, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own signature
        """Return the map."""
        keys = [self.construct_object(key) for key, _ in node.value if key.value != "<<"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} twice", node.start_mark)
        return super().construct_mapping(node, deep)


def yaml_files() -> list[Path]:
    paths = sorted((ROOT / "deploy").rglob("*.yaml"))
    return [path for path in paths if "templates" not in path.parts]


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_key_stands_twice(path: Path) -> None:
    list(yaml.load_all(path.read_text(), _Strict))


def test_a_key_that_stands_twice_is_found() -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match="twice"):
        list(yaml.load_all("a: {b: 1, b: 2}", _Strict))


def test_no_template_makes_a_key_twice() -> None:
    for values in RENDERS.values():
        with Chart.load(CHART) as chart:
            files = chart.render(values=values, name="imagemesh", namespace="imagemesh")
        for name, text in files.items():
            if name.endswith(".yaml"):
                list(yaml.load_all(text, _Strict))


def test_every_object_of_the_schema_is_closed(chart_schema: Object) -> None:
    assert list(open_objects(chart_schema, "")) == []


def open_objects(entry: Any, path: str) -> Iterator[str]:  # Any: a JSON schema
    """Return the objects of a schema that let unknown values pass."""
    if isinstance(entry, list):
        for number, inner in enumerate(entry):
            yield from open_objects(inner, f"{path}/{number}")
    if not isinstance(entry, dict):
        return
    is_object = "type" in entry and isinstance(entry.get("properties"), dict)
    if is_object and entry.get("additionalProperties") is not False:
        yield path
    for key, inner in entry.items():
        yield from open_objects(inner, f"{path}/{key}")
