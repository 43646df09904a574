"""Dashboards and alerts name only what the processes export, and the alerts do what they say."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import CollectorRegistry

from scripts.render_base import ROOT
from servicekit.telemetry import (
    SECONDS_BUCKETS,
    DatabaseMetrics,
    FetchMetrics,
    HttpMetrics,
    JobMetrics,
    ModelMetrics,
    ServiceMetrics,
    StorageMetrics,
)
from tests.deploy.objects import of_kind, rendered

TELEMETRY = ROOT / "deploy" / "telemetry"
DASHBOARDS = sorted((TELEMETRY / "dashboards").glob("*.json"))

_METRIC = re.compile(r"\bimagemesh_\w+")
_LABELS = re.compile(r"(imagemesh_\w+)\{([^}]*)\}")
_BY = re.compile(r"by \(([^)]*)\)")
_BOUNDS = re.compile(r'le="([^"]*)"')
# What Prometheus itself adds to what it scrapes.
ADDED = frozenset({"le", "job", "instance", "pod", "namespace", "service", "mesh"})


def registries() -> Iterator[CollectorRegistry]:
    """Return the registries of a gateway and of a service, as they are when these start."""
    service = ServiceMetrics()
    ModelMetrics(service.registry).of("read-text")
    service.rpc_seconds.labels("Recognize", "OK")
    service.model_answers.labels("Recognize", "model", "1", "cpu", "CPUExecutionProvider")
    http = HttpMetrics()
    http.http_seconds.labels("/api/v1/ocr", "200")
    http.connections_refused.labels("all")
    jobs = JobMetrics(http.registry)
    for metric in (jobs.waiting, jobs.oldest_seconds, jobs.redeliveries):
        metric.labels("jobs")
    jobs.ended.labels("succeeded")
    jobs.webhooks.labels("delivered")
    FetchMetrics(http.registry).seconds.labels("ok")
    DatabaseMetrics(http.registry).failures.labels("no database")
    StorageMetrics(http.registry).free_bytes.labels("results")
    yield from (service.registry, http.registry)


def exported() -> dict[str, set[str]]:
    """Return the labels of every metric that a process exports, by its name."""
    return {
        sample.name: set(sample.labels)
        for registry in registries()
        for family in registry.collect()
        for sample in family.samples
    }


def alerts_of() -> Iterator[Any]:  # Any: a rule
    """Return every alert."""
    alerts = yaml.safe_load((TELEMETRY / "alerts.yaml").read_text())
    return (rule for group in alerts["groups"] for rule in group["rules"] if "alert" in rule)


def queries() -> dict[str, str]:
    """Return every query of the alerts, the dashboards and KEDA, by its place."""
    alerts = yaml.safe_load((TELEMETRY / "alerts.yaml").read_text())
    found = {
        f"{rule.get('alert', rule.get('record'))} {number}": rule["expr"]
        for group in alerts["groups"]
        for number, rule in enumerate(group["rules"])
    }
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                found[f"{path.stem}: {panel['title']} {target['refId']}"] = target["expr"]
    keda = {"services": {"ocr": {"keda": {"enabled": True}}}}
    (scaled,) = of_kind(
        rendered({**keda, "monitoring": {"prometheusUrl": "http://p"}}), "ScaledObject"
    )
    found["keda"] = scaled["spec"]["triggers"][0]["metadata"]["query"]
    return found


@pytest.mark.parametrize("asker", queries())
def test_a_query_names_only_metrics_and_labels_that_exist(asker: str) -> None:
    query, metrics = queries()[asker], exported()

    names = set(_METRIC.findall(query))
    assert names <= set(metrics)
    labels = set().union(*(metrics[name] for name in names)) | ADDED
    for name, matchers in _LABELS.findall(query):
        assert set(re.findall(r"(\w+)[!=]", matchers)) <= metrics[name] | ADDED
    assert set(_BOUNDS.findall(query)) <= {f"{bound:.1f}" for bound in SECONDS_BUCKETS}
    for group in _BY.findall(query) if names else ():
        assert set(re.split(r",\s*", group)) <= labels


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(query for asker, query in queries().items() if ": " in asker)

    families = {family.name for registry in registries() for family in registry.collect()}

    assert {name for name in families if name not in shown} == set()


def test_the_chart_carries_alerts_and_dashboards_whole() -> None:
    parts = rendered({"monitoring": {"alerts": True, "dashboards": True}})

    (rule,) = of_kind(parts, "PrometheusRule")
    (config,) = [part for part in of_kind(parts, "ConfigMap") if "gateway.json" in part["data"]]
    alerts = yaml.safe_load((TELEMETRY / "alerts.yaml").read_text())
    assert rule["spec"] == alerts
    assert {name: json.loads(text) for name, text in config["data"].items()} == {
        path.name: json.loads(path.read_text()) for path in DASHBOARDS
    }


def test_every_alert_leads_to_a_section_of_the_runbooks() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text()
    (rules,) = of_kind(
        rendered({"monitoring": {"alerts": True, "runbooksUrl": "https://a.example.org/r"}}),
        "PrometheusRule",
    )

    names = [rule["alert"] for rule in alerts_of()]

    assert sorted(names) == sorted(re.findall(r"^## (.*)$", page, re.MULTILINE))
    for rule in alerts_of():
        link = f"#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md{link}"
        assert f"runbook_url': 'https://a.example.org/r{link}'" in str(rules)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_knows_every_field_of_a_dashboard(path: Path) -> None:
    """Grafana itself is on no machine of ours; its typed model drops what it does not know."""
    written = json.loads(path.read_text())

    read = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(path.read_text()))))

    assert list(lost(written, read)) == []


def lost(written: Any, read: Any, place: str = "") -> Iterator[str]:  # Any: JSON
    """Return the places of what was written and is not read back."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            yield from lost(value, read.get(key), f"{place}.{key}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, value in enumerate(written):
            yield from lost(value, read[number], f"{place}[{number}]")
    elif written != read:
        yield place


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_shows_the_chosen_namespaces(path: Path) -> None:
    """All of them is a pattern that fits compose as well, where nothing has a namespace."""
    dashboard = json.loads(path.read_text())
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    names = re.findall(r"\b(?:imagemesh|envoy)[_:][\w:]+\{", " ".join(asked))

    assert len(names) == " ".join(asked).count('namespace=~"$namespace"')
    assert names == [] or variables["namespace"]["allValue"] == ".*"


def test_every_scrape_sets_the_label_that_the_alerts_match() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    configured = yaml.safe_load(compose["configs"]["prometheus"]["content"])
    monitors = of_kind(rendered({"monitoring": {"serviceMonitors": True}}), "ServiceMonitor")

    rules = [job["relabel_configs"] for job in configured["scrape_configs"]]
    chart = [monitor["spec"]["endpoints"][0]["relabelings"] for monitor in monitors]

    assert rules == [[{"target_label": "mesh", "replacement": "imagemesh"}]] * 5
    assert chart == [[{"targetLabel": "mesh", "replacement": "imagemesh"}]] * 5


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((TELEMETRY / "alerts_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]

    names = {rule["alert"] for rule in alerts_of()}

    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


# Labels that a scrape adds, and the name of the release: compose, a chart with fullnameOverride.
SCHEMES = {
    "compose": ("", ""),
    "chart": ('pod="a", container="b", endpoint="http", service="photos-x"', "photos-"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_prometheus_agrees_under_every_scheme_of_labels(scheme: str, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on this machine; Debian has it in the package prometheus")
    added, release = SCHEMES[scheme]
    text = (TELEMETRY / "alerts_test.yaml").read_text()
    text = re.sub(r"series: (imagemesh_\w+),", r"series: '\1{}',", text)
    text = re.sub(r"(series: 'imagemesh_\w+\{)", rf"\1{added}, ", text) if added else text
    for job in ("colorize", "vision", "worker"):  # that of ocr is there in both schemes
        text = text.replace(f"imagemesh-{job}", release + job)
    (tmp_path / "test.yaml").write_text(text.replace(", }", "}"))
    (tmp_path / "alerts.yaml").write_text((TELEMETRY / "alerts.yaml").read_text())

    for command in (("check", "rules", "alerts.yaml"), ("test", "rules", "test.yaml")):
        done = subprocess.run(
            ["promtool", *command], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout
