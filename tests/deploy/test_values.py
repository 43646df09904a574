"""Every value of the chart is described and read, and its choices are those of the processes."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml

from modelkit.settings import ModelServiceSettings
from scripts.render_base import CHART, Object
from scripts.tables.schemas import resolved
from servicekit.settings import ProcessSettings

DEFAULTS: Object = yaml.safe_load((CHART / "values.yaml").read_text())


def paths_of(schema: Object, entry: Object, path: str = "") -> Iterator[tuple[str, Object]]:
    """Return the dotted names of the values that a schema describes, and their descriptions."""
    entry = resolved(schema, entry)
    if "properties" not in entry:
        yield path, entry
    for name, inner in entry.get("properties", {}).items():
        yield from paths_of(schema, inner, f"{path}.{name}".strip("."))


def leaves_of(value: object, known: set[str], path: str = "") -> Iterator[str]:
    """Return the dotted names of values, down to those that the schema describes."""
    if path in known or not isinstance(value, dict):
        yield path
        return
    for name, inner in value.items():
        yield from leaves_of(inner, known, f"{path}.{name}".strip("."))


def test_every_value_is_read_by_a_template(chart_schema: Object) -> None:
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    names = {path.rpartition(".")[2] for path, _ in paths_of(chart_schema, chart_schema)}

    assert {name for name in names if not re.search(rf"\b{name}\b", templates)} == {"global"}


def test_every_value_has_a_default_and_a_description(chart_schema: Object) -> None:
    described = dict(paths_of(chart_schema, chart_schema))

    known = set(described)

    assert [path for path, entry in described.items() if not entry.get("description")] == []
    assert known - {"global"} == set(leaves_of(DEFAULTS, known))


@pytest.mark.parametrize(
    ("value", "settings", "field"),
    [
        ("logLevel", ProcessSettings, "log_level"),
        ("services.ocr.profile", ModelServiceSettings, "profile"),
    ],
)
def test_choices_are_those_of_the_processes(
    value: str,
    settings: Any,  # Any: a class of settings
    field: str,
    chart_schema: Object,
) -> None:
    entry = dict(paths_of(chart_schema, chart_schema))[value]

    assert set(entry["enum"]) == set(get_args(settings.model_fields[field].annotation))


def test_every_object_of_the_schema_is_closed(chart_schema: Object) -> None:
    assert list(open_objects(chart_schema, "")) == []


def open_objects(entry: Any, path: str) -> Iterator[str]:  # Any: a JSON schema
    """Return the objects of a schema that accept unknown values."""
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
