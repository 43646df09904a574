"""Faults of how replicas are made, kept, spread and taken away."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from scripts.render_base import Object
from tests.deploy.objects import containers, labels_of, of_kind, pod_of, selects
from tests.deploy.pod_checks import NATIVE

SELECTED_BY = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
}
KEYS = {
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "kubernetes.io/hostname",
}
LEAST_PERCENT, MOST_PERCENT = 30, 90  # of the requested processors; above, nobody is left to spare
LEAST_WAIT_S, MOST_WAIT_S = 60, 3600  # before replicas are taken away

_GPU = re.compile(
    r"nvidia\.com/(gpu(\.shared)?|mig-\dg\.\d+gb)|amd\.com/gpu|gpu\.intel\.com/(i915|xe)"
)


def scaling_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what is wrong with the replicas."""
    for part in of_kind(parts, "Deployment"):
        name = part["metadata"]["name"]
        for check in (_selector, _rollout, _spread, _gpu):
            yield from (f"{name}: {fault}" for fault in check(part))
        if "kubernetes.io/hostname" not in _keys(part):
            yield f"all replicas of {name} may be on one node"
        if pod_of(part).get("serviceAccountName") != name:
            yield f"{name} has the account {pod_of(part).get('serviceAccountName')}"
    for between in (_hpas, _scaled, _budgets, _claims):
        yield from between(parts)


def _selector(part: Object) -> Iterator[str]:
    """A selector can never be changed, so it has nothing that a release changes."""
    names = set(part["spec"].get("selector", {}).get("matchLabels", {}))
    if names != SELECTED_BY:
        yield f"its selector is of {sorted(names)}"
    if part["spec"].get("revisionHistoryLimit", 10) < 1:
        yield "it cannot be rolled back"


def _rollout(part: Object) -> Iterator[str]:
    rolling = part["spec"].get("strategy", {}).get("rollingUpdate", {})
    away = rolling.get("maxUnavailable", 0)
    most = 1 if _devices(part) else 0
    if away not in range(most + 1):
        yield f"a rollout takes {away} of its replicas away at once"


def _spread(part: Object) -> Iterator[str]:
    spreads = pod_of(part).get("topologySpreadConstraints", [])
    pairs = Counter((spread["topologyKey"], spread["whenUnsatisfiable"]) for spread in spreads)
    for (key, _), count in pairs.items():
        if count > 1:
            yield f"it is spread by {key} twice"
    for spread in spreads:
        if spread["topologyKey"] not in KEYS:
            yield f"it is spread by {spread['topologyKey']}, which nodes have not"
        if spread.get("labelSelector") != part["spec"].get("selector"):
            yield "it is spread with the pods of others"


def _keys(part: Object) -> set[str]:
    spreads = pod_of(part).get("topologySpreadConstraints", [])
    return {spread["topologyKey"] for spread in spreads}


def _devices(part: Object) -> set[str]:
    return {
        name
        for container in containers(part)
        for name in container.get("resources", {}).get("limits", {})
    } - NATIVE


def _gpu(part: Object) -> Iterator[str]:
    tolerations = pod_of(part).get("tolerations", [])
    tolerated = {toleration.get("key") for toleration in tolerations}
    for device in _devices(part):
        if not _GPU.fullmatch(device):
            yield f"no device is called {device}"
        if f"{device.partition('/')[0]}/gpu" not in tolerated:
            yield "nodes of GPUs are tainted, and it does not tolerate it"
    if None in tolerated:
        yield "it may run on every tainted node"


def _hpas(parts: Sequence[Object]) -> Iterator[str]:
    for scaler in of_kind(parts, "HorizontalPodAutoscaler"):
        name, spec = scaler["metadata"]["name"], scaler["spec"]
        target = spec["scaleTargetRef"]
        if (target.get("apiVersion"), target.get("kind")) != ("apps/v1", "Deployment"):
            yield f"{name} scales a {target.get('apiVersion')} {target.get('kind')}"
        wanted = [metric["resource"].get("target", {}) for metric in spec["metrics"]]
        percents = [target.get("averageUtilization", 0) for target in wanted]
        if any(target.get("type") != "Utilization" for target in wanted) or not all(
            LEAST_PERCENT <= percent <= MOST_PERCENT for percent in percents
        ):
            yield f"{name} wants {wanted}"
        down = spec.get("behavior", {}).get("scaleDown", {})
        if not LEAST_WAIT_S <= down.get("stabilizationWindowSeconds", 300) <= MOST_WAIT_S:
            yield f"{name} takes replicas away after {down['stabilizationWindowSeconds']} s"
        if spec.get("maxReplicas", 0) <= spec.get("minReplicas", 1):
            yield f"{name} has nothing to scale"


def _scaled(parts: Sequence[Object]) -> Iterator[str]:
    services = {part["metadata"]["name"] for part in of_kind(parts, "Service")}
    for scaler in of_kind(parts, "ScaledObject"):
        name, spec = scaler["metadata"]["name"], scaler["spec"]
        least = spec.get("minReplicaCount", 0)
        if least < 1:
            yield f"{name} scales to nothing, which nobody could wake"
        if spec.get("fallback", {}).get("replicas", 0) < least or not spec.get("fallback"):
            yield f"{name} has no replicas to fall back to"
        for trigger in spec["triggers"]:
            asked: dict[str, Any] = trigger.get("metadata", {})  # Any: of the trigger
            address, query = str(asked.get("serverAddress", "")), str(asked.get("query", ""))
            found = re.fullmatch(
                r'sum\(imagemesh_model_waiting\{namespace="[\w-]+",service="([\w-]+)"\}\)', query
            )
            if trigger.get("type") != "prometheus" or not found or found[1] not in services:
                yield f"{name} scales by {query or trigger.get('type')}"
            elif found[1] != spec["scaleTargetRef"]["name"]:
                yield f"{name} scales by the requests of {found[1]}"
            if not re.fullmatch(r"https?://(?!localhost|127\.)\S+", address):
                yield f"{name} asks {address or 'nobody'}"
            if not re.fullmatch(r"[1-9]\d*", str(asked.get("threshold"))) or not isinstance(
                asked["threshold"], str
            ):
                yield f"{name} has the threshold {asked.get('threshold')!r}"


def _budgets(parts: Sequence[Object]) -> Iterator[str]:
    budgets = of_kind(parts, "PodDisruptionBudget")
    for budget in budgets:
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{budget['metadata']['name']} keeps broken pods, and their node"
    for part in of_kind(parts, "Deployment"):
        kept = [
            budget for budget in budgets if selects(budget["spec"]["selector"], labels_of(part))
        ]
        if int(part["spec"].get("replicas", 2)) > 1 and not kept:
            yield f"a drain of nodes may take all replicas of {part['metadata']['name']}"


def _claims(parts: Sequence[Object]) -> Iterator[str]:
    for claim in of_kind(parts, "PersistentVolumeClaim"):
        if not set(claim["spec"]["accessModes"]) <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            yield f"{claim['metadata']['name']} would share a file of SQLite over a network"
