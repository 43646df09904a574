"""Faults of alerts that promtool takes and a test of one series passes."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc

from servicekit import telemetry

Yaml = Any  # Any: a YAML document

SEVERITIES = {"critical", "warning"}
COUNTED = ("_count", "_sum", "_bucket", "_total")  # ends of what only grows
# What stands in a label, where the values are few.
VALUES = {
    "code": {code.name for code in grpc.StatusCode},
    "stage": {telemetry.LINE, telemetry.BATCH},
    "status": {"1..", "2..", "3..", "4..", "5.."},
}
LEAST_WINDOW_S, MOST_WINDOW_S = 120, 3600  # four scrapes at least
LEAST_FOR_S, MOST_FOR_S = 60, 1800
MOST_INTERVAL_S = 60

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_OVER_TIME = re.compile(r"\b(rate|increase)\((\w+)(?:\{[^}]*\})?\[(\w+|\$__rate_interval)\]\)")
_QUANTILE = re.compile(r"histogram_quantile\(\s*([\d.]+),\s*sum by \(([^)]*)\) \(rate\((\w+)")
_MATCHER = re.compile(r'(\w+)(?:=~|!~|=|!=)"([^"]*)"')
_LABEL = re.compile(r"\$labels\.(\w+)")


def seconds(duration: str) -> int:
    """Return a duration of Prometheus, such as 5m, in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def query_faults(query: str) -> Iterator[str]:
    """Return what is wrong with a query of an alert or a dashboard."""
    for function, metric, window in _OVER_TIME.findall(query):
        if not metric.endswith(COUNTED):
            yield f"{function} of {metric}, which goes up and down"
        if window[0] != "$" and not LEAST_WINDOW_S <= seconds(window) <= MOST_WINDOW_S:
            yield f"{function} over {window}"
    for quantile, labels, metric in _QUANTILE.findall(query):
        if not 0 < float(quantile) < 1:
            yield f"there is no quantile {quantile}"
        if "le" not in re.split(r",\s*", labels) or not metric.endswith("_bucket"):
            yield f"a quantile of {metric} by {labels}"
    if query.count("histogram_quantile") != len(_QUANTILE.findall(query)):
        yield "a quantile of what is no rate of buckets"
    for label, value in _MATCHER.findall(query):
        unknown = set(value.split("|")) - VALUES.get(label, set(value.split("|")))
        if unknown:
            yield f"no {label} is {sorted(unknown)}"


def alert_faults(alerts: Yaml) -> list[str]:
    """Return what is wrong with a file of alerts, a sentence each."""
    groups = alerts["groups"]
    faults = [
        f"the group {group['name']} is evaluated every {group['interval']}"
        for group in groups
        if seconds(group.get("interval", "30s")) > MOST_INTERVAL_S
    ]
    if [group["name"] for group in groups] != ["imagemesh"]:
        faults.append(f"there are the groups {[group['name'] for group in groups]}")
    rules = [rule for group in groups for rule in group["rules"]]
    for name, count in Counter(rule.get("alert") for rule in rules).items():
        if count > 1 or not name:
            faults.append(f"{name} is there {count} times")
    return [*faults, *(f"{rule['alert']}: {fault}" for rule in rules for fault in _alert(rule))]


def _alert(rule: Yaml) -> Iterator[str]:
    query = " ".join(rule["expr"].split())
    yield from query_faults(query)
    lasting = seconds(rule.get("for", "0m"))
    if "increase(" not in query and not LEAST_FOR_S <= lasting <= MOST_FOR_S:
        yield f"it is told after {lasting} s"
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"its labels are {rule.get('labels')}"
    annotations = rule.get("annotations", {})
    if set(annotations) != {"summary", "action"}:
        yield f"it tells {sorted(annotations)}"
    kept = {label for by in re.findall(r"by \(([^)]*)\)", query) for label in by.split(", ")}
    if "up{" in query:
        kept |= {"job", "instance"}
    told = set(_LABEL.findall(" ".join(annotations.values())))
    if told - kept:
        yield f"it tells of {sorted(told - kept)}, which its query has not"
    shares = re.findall(r"> ([\d.]+) \* sum", query)
    if any(not 0 < float(share) < 1 for share in shares):
        yield f"it is told at {shares} times of all"
