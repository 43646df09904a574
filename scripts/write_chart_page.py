"""Write docs/chart.md from the schema of the chart's values and their defaults."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "k8s" / "chart"
PAGE = ROOT / "docs" / "chart.md"

HEAD = """# Values of the Helm chart

`helm install imagemesh deploy/k8s/chart --values mine.yaml` takes these values.
What is not in this table, or contradicts itself, is refused before anything is installed.
Maps are merged with their defaults; `null` takes an entry of a default away.
The three services have the same values; their defaults are those of `ocr` but for the image.
`gateway` and `envoy` have `image`, `hpa`, `nodeSelector`, `tolerations`, `podAnnotations` as well.
`worker` and `nats` have the last three of these.
This page is written by `make docs` from `values.schema.json` and `values.yaml`; do not edit it.
"""

TABLE = """
| value | default | meaning |
| --- | --- | --- |
"""

_ONE_OF_THREE = "ocr"
_SHARED = re.compile(
    r"(gateway|envoy)\.(image|hpa|nodeSelector|tolerations|podAnnotations)"
    r"|(worker|nats)\.(nodeSelector|tolerations|podAnnotations)"
)

Json = dict[str, Any]  # Any: a JSON schema


def chart_page() -> str:
    """Return the page."""
    schema: Json = json.loads((CHART / "values.schema.json").read_text())
    defaults: Json = yaml.safe_load((CHART / "values.yaml").read_text())
    general, parts = "", ""
    for name, entry in schema["properties"].items():
        rows = "".join(f"{row}\n" for row in _rows(schema, name, entry, defaults.get(name)))
        if "properties" in entry:
            parts += f"\n## `{name}`\n\n{entry['description']}\n{TABLE}{rows}"
        else:
            general += rows
    return HEAD + TABLE + general + parts


def _rows(schema: Json, name: str, entry: Json, default: object) -> Iterator[str]:
    """Return the rows of a value, or of all values within it."""
    entry = _resolved(schema, entry)
    inner = entry.get("properties")
    if not inner:
        meaning = entry["description"] + _range(entry)
        yield f"| `{name}` | {_shown(default)} | {meaning} |".replace("\n", " ")
        return
    if "." in name:
        yield f"| `{name}` | | {entry['description']} |"
    for key, part in inner.items():
        if (name == "services" and key != _ONE_OF_THREE) or _SHARED.fullmatch(f"{name}.{key}"):
            continue
        step = "*" if name == "services" else key
        value = default.get(key) if isinstance(default, dict) else None
        yield from _rows(schema, f"{name}.{step}", part, value)


def _resolved(schema: Json, entry: Json) -> Json:
    """Return a schema with what it refers to; its own words are stronger."""
    result: Json = {}
    for part in [entry, *entry.get("allOf", [])]:
        if "$ref" in part:
            referred = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
            result.update(_resolved(schema, referred))
    return {**result, **{key: value for key, value in entry.items() if key != "allOf"}}


def _range(entry: Json) -> str:
    if "enum" in entry:
        return f" One of {', '.join(f'`{choice}`' for choice in entry['enum'])}."
    bounds = [
        f"{sign} {entry[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in entry
    ]
    return f" Range: {', '.join(bounds)}." if bounds else ""


def _shown(default: object) -> str:
    if default is None or default in ("", [], {}):
        return ""
    text = default if isinstance(default, str) else json.dumps(default)
    return f"`{text}`"


if __name__ == "__main__":
    PAGE.write_text(chart_page())
