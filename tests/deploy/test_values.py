"""Every value of the chart changes what is rendered, and its choices are those of the processes."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import pytest
import yaml
from helm_python import Chart

from modelkit.settings import ModelServiceSettings
from scripts.render_base import CHART, Object
from servicekit.settings import ProcessSettings
from tests.deploy.test_extras import EXTRAS

# Another value than the default where "a" or a label would be refused, by the end of its name.
OTHER: dict[str, object] = {
    **dict.fromkeys(("size", "sizeLimit"), "3Gi"),
    **dict.fromkeys(
        ("mirror", "publicUrl", "prometheusUrl", "runbooksUrl"), "https://a.example.org"
    ),
    "requests": {"memory": "9Mi"},
    "limits": {"memory": "9Gi"},
    "except": ["10.9.9.9/32"],
    "addresses": ["10.9.9.9/32"],
    "cidr": "10.9.9.9/32",
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "digest": f"sha256:{'0' * 64}",
    "cudaDigest": f"sha256:{'0' * 64}",
    "pullSecrets": ["a"],
    "settings": {"MAX_IMAGE_PIXELS": 1},
    "gateway.settings": {"ZERO_RETENTION": True},
    "resource": "nvidia.com/gpu.shared",
    "url": "s3://bucket/results",
    "ports": [443],
    "stores": [{"ports": [{"protocol": "TCP", "port": 5}]}],
    "callers": [{"a": "b"}],
    "parentRefs": [{"name": "other"}],
    "hostnames": ["a.example.org"],
    "dnsNames": ["a.example.org"],
    "extraEnv": [{"name": "A", "value": "b"}],
    "extraVolumes": [{"name": "a", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "a", "mountPath": "/a"}],
    "loadBalancerSourceRanges": ["10.9.9.9/32"],
    "extraObjects": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}}
    ],
}
CERTIFICATE = {"issuerRef": {"name": "acme"}, "dnsNames": ["b"]}
_SHARED = {"gateway": {"database": {"secret": "pg"}, "results": {"url": "s3://b/r"}}}
_PULL = {"mirror": "https://m.example.org", "cidr": "10.1.2.3/32"}
# Values that a value needs beside it, by the beginning of its name; the longest one counts.
BESIDE: dict[str, Object] = {
    "": {},
    "models.image": {"models": {"source": "image", "image": "m"}},
    "models.claim": {"models": {"source": "claim", "claim": "weights"}},
    "models.pull": {"models": {"source": "pull", "pull": _PULL}},
    "models.source": {"models": {"claim": "weights", "image": "m", "pull": _PULL}},
    "services.ocr.image.cudaDigest": {"services": {"ocr": {"gpu": {"enabled": True}}}},
    "services.ocr.gpu": {"services": {"ocr": {"gpu": {"enabled": True}}}},
    "services.ocr.hpa": {"services": {"ocr": {"hpa": {"enabled": True}}}},
    "services.ocr.keda": {
        "services": {"ocr": {"keda": {"enabled": True}}},
        "monitoring": {"prometheusUrl": "http://prometheus:9090"},
    },
    "envoy.hpa": {"envoy": {"hpa": {"enabled": True}}},
    "gateway.replicas": _SHARED,
    "gateway.hpa": {"gateway": {**_SHARED["gateway"], "hpa": {"enabled": True}}},
    "gateway.results.secret": _SHARED,
    "gateway.secretsAsFiles": _SHARED,
    "gateway.database.key": _SHARED,
    "worker": {**_SHARED, "worker": {"enabled": True}},
    "worker.enabled": _SHARED,
    "worker.hpa": {**_SHARED, "worker": {"enabled": True, "hpa": {"enabled": True}}},
    "worker.keda": {
        **_SHARED,
        "worker": {"enabled": True, "keda": {"enabled": True}},
        "monitoring": {"prometheusUrl": "http://prometheus:9090"},
    },
    "monitoring.prometheusAuth.modes": {
        "services": {"ocr": {"keda": {"enabled": True}}},
        "monitoring": {"prometheusUrl": "http://p", "prometheusAuth": {"name": "a"}},
    },
    "tracing": {"tracing": {"percent": 1, "namespaceLabels": {"a": "b"}}},
    "gatewayApi": {
        "gatewayApi": {
            "enabled": True,
            "parentRefs": [{"name": "edge"}],
            "namespaceLabels": {"a": "b"},
        }
    },
    "envoy.certificate": {"envoy": {"certificate": CERTIFICATE}},
    "envoy.certificate.issuerRef": {"envoy": {"certificate": {"dnsNames": ["a"]}}},
    "meshTls.issuerRef": {"meshTls": {"secret": "a"}},
    "ingress": {"ingress": {"enabled": True, "hostnames": ["b"], "namespaceLabels": {"a": "b"}}},
    "monitoring.runbooksUrl": {"monitoring": {"alerts": True}},
    "monitoring.labels": {"monitoring": {"alerts": True}},
    "monitoring.dashboardLabels": {"monitoring": {"dashboards": True}},
}
BESIDE["monitoring.prometheusUrl"] = BESIDE["services.ocr.keda"]
BESIDE["monitoring.prometheusAuth"] = BESIDE["services.ocr.keda"]


def paths_of(schema: Object, entry: Object, path: str = "") -> Iterator[tuple[str, Object]]:
    """Return the dotted names of the values that a schema describes, and their descriptions."""
    for part in [entry, *entry.get("allOf", [])]:
        if "$ref" in part:
            name = part["$ref"].removeprefix("#/$defs/")
            found: Object = {**schema["$defs"][name], **entry}
            found.pop("$ref", None)
            yield from paths_of(schema, {**found, "allOf": []}, path)
            return
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


def other(path: str, entry: Object, default: Any) -> object:  # Any: whatever the value is
    """Return another value than the one that is rendered."""
    end = path if path in OTHER else path.rpartition(".")[2]
    if end in OTHER:
        return OTHER[end]
    if isinstance(default, bool):
        return not default
    if "enum" in entry:
        return next(choice for choice in entry["enum"] if choice != default)
    if isinstance(default, int):
        return default + 1
    return {"c": "d"} if entry["type"] == "object" else "a"


def nested(path: str, value: object) -> Object:
    """Return a value by its dotted name as Helm takes it."""
    *folders, last = path.split(".")
    tree: Object = {last: value}
    for folder in reversed(folders):
        tree = {folder: tree}
    return tree


def merged(below: Object, above: Object) -> Object:
    """Return two trees of values as one; the second one wins."""
    result = {**below}
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def test_every_value_changes_what_is_rendered(chart_schema: Object) -> None:
    defaults: Object = yaml.safe_load((CHART / "values.yaml").read_text())
    without_effect = []
    for path, entry in paths_of(chart_schema, chart_schema):
        if path == "global" or path.startswith(("services.colorize.", "services.vision.")):
            continue
        if path.split(".")[1:2] and path.split(".")[1] in EXTRAS:
            continue  # test_extras gives them to all components at once
        beside = BESIDE[max((name for name in BESIDE if path.startswith(name)), key=len)]
        if path.endswith(".key"):  # of a Secret or ConfigMap, whose name makes it count
            named = "configMap" if path.startswith("caBundle") else "secret"
            beside = merged(beside, nested(path.removesuffix("key") + named, "b"))
        value: Any = merged(defaults, beside)  # Any: a tree of values
        for step in path.split("."):
            value = value[step]
        changed = merged(beside, nested(path, other(path, entry, value)))
        if texts(json.dumps(changed)) == texts(json.dumps(beside)):
            without_effect.append(path)

    assert without_effect == []


@cache
def texts(values: str) -> dict[str, str]:
    """Return the files of a render as they are, for comparison alone."""
    with Chart.load(CHART) as chart:
        files: dict[str, str] = chart.render(
            values=json.loads(values), name="imagemesh", namespace="imagemesh"
        )
    return {name: text for name, text in files.items() if name.endswith(".yaml")}


def test_every_value_has_a_default_and_a_description(chart_schema: Object) -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    described = dict(paths_of(chart_schema, chart_schema))

    known = set(described)

    assert [path for path, entry in described.items() if not entry.get("description")] == []
    assert known - {"global"} == set(leaves_of(defaults, known))


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
