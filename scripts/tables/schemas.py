"""Tables of settings and of the chart's values, from their JSON schemas."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

from benchmarks.reports import table

CHART = Path(__file__).parents[2] / "deploy" / "k8s" / "chart"
SERVICE = "ocr"  # of the three alike, the one whose values are told
# Values that are the same in each of these parts, and told once.
SHARED = {
    **dict.fromkeys(
        ("nodeSelector", "tolerations", "podAnnotations"), ("gateway", "envoy", "worker", "nats")
    ),
    **dict.fromkeys(("image", "hpa"), ("gateway", "envoy")),
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
HEAD = ("default", "meaning")

Json = dict[str, Any]  # Any: a JSON schema
Row = tuple[str, str, str]


def settings(cls: type[BaseSettings]) -> str:
    """Return the variables of a process."""
    prefix = cls.model_config.get("env_prefix", "")
    rows = []
    for name, entry in cls.model_json_schema()["properties"].items():
        variable = name if name.isupper() else f"{prefix}{name.upper()}"
        rows.append(_row(variable, entry, entry.get("default")))
    return table(("variable", *HEAD), rows)


def chart_values() -> str:
    """Return the values of the chart, those with parts under a heading of their own."""
    schema: Json = json.loads((CHART / "values.schema.json").read_text())
    defaults: Json = yaml.safe_load((CHART / "values.yaml").read_text())
    general: list[Row] = []
    parts = []
    for name, entry in schema["properties"].items():
        rows = list(_rows(schema, name, entry, defaults.get(name)))
        if "properties" in entry:
            parts.append(
                f"## `{name}`\n\n{entry['description']}\n\n{table(('value', *HEAD), rows)}"
            )
        else:
            general += rows
    return "\n\n".join([table(("value", *HEAD), general), *parts])


def _rows(schema: Json, name: str, entry: Json, default: object) -> Iterator[Row]:
    """Yield the rows of a value, or of all values within it."""
    entry = resolved(schema, entry)
    inner = entry.get("properties")
    if not inner:
        yield _row(name, entry, default)
        return
    if "." in name:
        yield f"`{name}`", "", entry["description"]
    for key, part in inner.items():
        if (name == "services" and key != SERVICE) or name in SHARED.get(key, ()):
            continue
        step = "*" if name == "services" else key
        value = default.get(key) if isinstance(default, dict) else None
        yield from _rows(schema, f"{name}.{step}", part, value)


def resolved(schema: Json, entry: Json) -> Json:
    """Return a schema with what it refers to; its own words are stronger."""
    result: Json = {}
    for part in [entry, *entry.get("allOf", [])]:
        if "$ref" in part:
            referred = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
            result.update(resolved(schema, referred))
    return {**result, **{key: value for key, value in entry.items() if key != "allOf"}}


def _row(name: str, entry: Json, default: object) -> Row:
    meaning = entry["description"].replace("\n", " ").replace("|", "\\|")
    if "enum" in entry:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in entry['enum'])}."
    if bounds := [f"{sign} {entry[key]}" for key, sign in BOUNDS.items() if key in entry]:
        meaning += f" Range: {', '.join(bounds)}."
    is_empty = default is None or default in ("", [], {})
    text = default if isinstance(default, str) else json.dumps(default)
    return f"`{name}`", "" if is_empty else f"`{text}`", meaning
