"""Faults between rendered objects: what one names must be there, and be what it takes it for."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from scripts.render_base import Object
from tests.deploy.objects import (
    containers,
    environment,
    key_of,
    labels_of,
    of_kind,
    pod_of,
    ports_of,
    selects,
)

# Made before the install, by whoever installs; the pages say how.
GIVEN_SECRETS = frozenset(
    {"imagemesh-tls", "imagemesh-database", "imagemesh-rates", "imagemesh-results"}
)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def reference_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what does not fit between the objects."""
    for check in (_names, _services, _pods, _scaling, _budgets):
        yield from check(parts)


def _names(parts: Sequence[Object]) -> Iterator[str]:
    for (kind, name), count in Counter(key_of(part) for part in parts).items():
        if count > 1:
            yield f"{kind} {name} is there {count} times"
        if not _NAME.fullmatch(name):
            yield f"{kind} cannot be called {name!r}"


def _services(parts: Sequence[Object]) -> Iterator[str]:
    for service in of_kind(parts, "Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        targets = selected(parts, {"matchLabels": spec.get("selector", {})})
        if len(targets) != 1:
            yield f"Service {name} selects the pods of {len(targets)} Deployments"
            continue
        if spec.get("clusterIP", "None") != "None":
            yield f"Service {name} has the clusterIP {spec['clusterIP']}"
        ports = ports_of(targets[0])
        for port in spec["ports"]:
            target = port.get("targetPort", port["port"])
            if target not in {*ports, *ports.values()}:
                yield f"Service {name} sends to the port {target}, which no pod has"
        twins = [port for port, n in Counter(p["name"] for p in spec["ports"]).items() if n > 1]
        if twins:
            yield f"Service {name} has two ports called {twins[0]}"
        if _calls_grpc(spec) and "clusterIP" not in spec:
            yield f"Service {name} would send all gRPC of a caller to one pod; it must be headless"


def _calls_grpc(spec: Object) -> bool:
    return any(port.get("appProtocol") == "kubernetes.io/h2c" for port in spec["ports"])


def _pods(parts: Sequence[Object]) -> Iterator[str]:
    """The accounts, claims, Secrets, ConfigMaps and priority classes of pods."""
    there = {key_of(part) for part in parts}
    for part in of_kind(parts, "Deployment"):
        name, pod = part["metadata"]["name"], pod_of(part)
        wanted = [("ServiceAccount", pod.get("serviceAccountName", "default"))]
        if "priorityClassName" in pod:
            wanted.append(("PriorityClass", pod["priorityClassName"]))
        wanted += [*_volume_sources(pod), *_variable_sources(part)]
        for kind, target in wanted:
            if (kind, target) not in there and not (kind == "Secret" and target in GIVEN_SECRETS):
                yield f"{name} needs {kind} {target}, which is not there"
        yield from _missing_keys(parts, part)


def _volume_sources(pod: Object) -> Iterator[tuple[str, str]]:
    for volume in pod.get("volumes") or []:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]


def _variable_sources(part: Object) -> Iterator[tuple[str, str]]:
    for container in containers(part):
        for value in environment(container).values():
            if isinstance(value, dict) and "secretKeyRef" in value:
                yield "Secret", value["secretKeyRef"]["name"]
            if isinstance(value, dict) and "configMapKeyRef" in value:
                yield "ConfigMap", value["configMapKeyRef"]["name"]
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield "Secret", source["secretRef"]["name"]
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]


def _missing_keys(parts: Sequence[Object], part: Object) -> Iterator[str]:
    data = {found["metadata"]["name"]: found["data"] for found in of_kind(parts, "ConfigMap")}
    volumes = {
        volume["name"]: volume["configMap"]["name"]
        for volume in pod_of(part).get("volumes") or []
        if "configMap" in volume
    }
    for container in containers(part):
        for mount in container.get("volumeMounts", []):
            source = volumes.get(mount["name"])
            if "subPath" in mount and source in data and mount["subPath"] not in data[source]:
                yield f"ConfigMap {source} has no {mount['subPath']}"


def _scaling(parts: Sequence[Object]) -> Iterator[str]:
    deployments = {part["metadata"]["name"]: part for part in of_kind(parts, "Deployment")}
    scalers = [*of_kind(parts, "HorizontalPodAutoscaler"), *of_kind(parts, "ScaledObject")]
    owned: Counter[str] = Counter()
    for scaler in scalers:
        spec, name = scaler["spec"], scaler["metadata"]["name"]
        target = spec["scaleTargetRef"]["name"]
        owned[target] += 1
        if target not in deployments:
            yield f"{scaler['kind']} {name} scales {target}, which is not there"
            continue
        least = spec.get("minReplicas", spec.get("minReplicaCount", 0))
        most = spec.get("maxReplicas", spec.get("maxReplicaCount", 0))
        if least > most:
            yield f"{scaler['kind']} {name} wants at least {least} and at most {most}"
        if "replicas" in deployments[target]["spec"]:
            yield f"{target} says its replicas, and {scaler['kind']} {name} does too"
    for target, count in owned.items():
        if count > 1:
            yield f"{target} has {count} autoscalers"
    for name, part in deployments.items():
        if name not in owned and int(part["spec"].get("replicas", 0)) < 1:
            yield f"{name} has no replicas, and nobody scales it"


def _budgets(parts: Sequence[Object]) -> Iterator[str]:
    for budget in of_kind(parts, "PodDisruptionBudget"):
        name, spec = budget["metadata"]["name"], budget["spec"]
        targets = selected(parts, spec.get("selector", {}))
        if len(targets) != 1:
            yield f"PodDisruptionBudget {name} holds for {len(targets)} Deployments"
            continue
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield f"PodDisruptionBudget {name} must say one of minAvailable and maxUnavailable"
            continue
        replicas = _least_replicas(parts, targets[0])
        away = spec.get("maxUnavailable", replicas - spec.get("minAvailable", 0))
        if not 0 < away < replicas:
            yield f"PodDisruptionBudget {name} lets {away} of {replicas} replicas go"


def _least_replicas(parts: Sequence[Object], deployment: Object) -> int:
    for scaler in [*of_kind(parts, "HorizontalPodAutoscaler"), *of_kind(parts, "ScaledObject")]:
        spec = scaler["spec"]
        if spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]:
            return int(spec.get("minReplicas", spec.get("minReplicaCount", 0)))
    return int(deployment["spec"].get("replicas", 1))


def selected(parts: Sequence[Object], selector: Object) -> list[Object]:
    """Return the Deployments whose pods a selector selects; an empty one selects none."""
    if not selector.get("matchLabels"):
        return []
    return [part for part in of_kind(parts, "Deployment") if selects(selector, labels_of(part))]
