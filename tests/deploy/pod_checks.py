"""Faults of the pods of rendered Deployments, as an API server or a cluster would find them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from scripts.render_base import Object
from tests.deploy.objects import (
    containers,
    environment,
    labels_of,
    of_kind,
    pod_of,
    quantity,
    selects,
)

NATIVE = frozenset({"cpu", "memory", "ephemeral-storage"})
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
HANDLERS = ("grpc", "httpGet", "tcpSocket", "exec")
EFFECTS = (None, "NoSchedule", "PreferNoSchedule", "NoExecute")
SPARE_S = 5  # what a process needs to end after its drain
LEAST_TIMEOUT_S = 3  # the gateway asks the services before it answers, 2 s at most

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY")


def pod_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what is wrong with the pods of every Deployment."""
    for part in of_kind(parts, "Deployment"):
        name = part["metadata"]["name"]
        for check in (_template, _rollout, _placement, _volumes, _end, _twins, _security):
            yield from (f"{name}: {fault}" for fault in check(part))
        for container in containers(part):
            for rule in (_privileges, _image, _resources, _ports, _variables, _mounts):
                yield from (f"{name}/{container['name']}: {fault}" for fault in rule(container))
        for container in containers(part, init=False):
            yield from (f"{name}/{container['name']}: {fault}" for fault in _probes(container))
        for container in pod_of(part).get("initContainers", []):
            for probe in PROBES:
                if probe in container:
                    yield f"{name}: an init container has a {probe}"


def _template(part: Object) -> Iterator[str]:
    selector = part["spec"].get("selector", {})
    if not selector.get("matchLabels"):
        yield "it has no selector"
    if not selects(selector, labels_of(part)):
        yield "its selector does not select its own pods"
    for label, value in labels_of(part).items():
        if not _LABEL.fullmatch(value):
            yield f"the label {label} has the value {value!r}"
    if pod_of(part).get("restartPolicy", "Always") != "Always":
        yield "a Deployment restarts its pods always"
    if not pod_of(part).get("containers"):
        yield "it has no container"


def _rollout(part: Object) -> Iterator[str]:
    strategy = part["spec"].get("strategy", {})
    rolling = strategy.get("rollingUpdate", {})
    surge, away = rolling.get("maxSurge", 1), rolling.get("maxUnavailable", 0)
    has_gpu = any(_extended(container) for container in containers(part))
    if strategy.get("type") not in {"RollingUpdate", "Recreate"}:
        yield "it says no strategy"
    if strategy.get("type") == "RollingUpdate" and set(rolling) != {"maxSurge", "maxUnavailable"}:
        yield "a rollout must say both maxSurge and maxUnavailable"
    if strategy.get("type") == "RollingUpdate" and surge == away == 0:
        yield "a rollout with neither surge nor unavailable pods cannot begin"
    if has_gpu and strategy.get("type") == "RollingUpdate" and surge != 0:
        yield "a rollout would wait for a GPU that the old pod holds"
    mounts_claim = any("persistentVolumeClaim" in volume for volume in _volumes_of(part))
    is_read_only = all(
        volume["persistentVolumeClaim"].get("readOnly")
        for volume in _volumes_of(part)
        if "persistentVolumeClaim" in volume
    )
    if mounts_claim and not is_read_only and strategy.get("type") != "Recreate":
        yield "two pods of a rollout would share a volume that one alone may write"


def _placement(part: Object) -> Iterator[str]:
    pod = pod_of(part)
    for toleration in pod.get("tolerations", []):
        operator = toleration.get("operator", "Equal")
        if operator not in {"Exists", "Equal"}:
            yield f"a toleration has the operator {operator}"
        if operator == "Exists" and "value" in toleration:
            yield "a toleration that asks for a key alone has a value"
        if toleration.get("effect") not in EFFECTS:
            yield f"a toleration has the effect {toleration['effect']}"
    for spread in pod.get("topologySpreadConstraints", []):
        if spread["whenUnsatisfiable"] not in {"DoNotSchedule", "ScheduleAnyway"}:
            yield f"spread says whenUnsatisfiable {spread['whenUnsatisfiable']}"
        if spread["maxSkew"] < 1:
            yield f"spread has the skew {spread['maxSkew']}"
        if not selects(spread.get("labelSelector", {}), labels_of(part)):
            yield "spread counts the pods of another"
    if any(_extended(container) for container in containers(part)) and not pod.get("nodeSelector"):
        yield "it wants a GPU and names no nodes that have one"


def _volumes(part: Object) -> Iterator[str]:
    volumes = {volume["name"] for volume in _volumes_of(part)}
    mounted = {
        mount["name"]
        for container in containers(part)
        for mount in container.get("volumeMounts", [])
    }
    for name in sorted(mounted - volumes):
        yield f"it mounts {name}, which is no volume"
    for name in sorted(volumes - mounted):
        yield f"nobody mounts the volume {name}"
    for volume in _volumes_of(part):
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            yield f"the volume {volume['name']} has no limit"
        if "hostPath" in volume:
            yield f"the volume {volume['name']} is a folder of the node"


def _end(part: Object) -> Iterator[str]:
    """The time to end: before SIGTERM, for the drain, and to spare."""
    pod = pod_of(part)
    grace_s = pod.get("terminationGracePeriodSeconds", 30)
    for container in containers(part, init=False):
        handler = container.get("lifecycle", {}).get("preStop")
        if not handler:
            yield f"{container['name']} gets SIGTERM while it is still called"
            continue
        before_s = handler["sleep"]["seconds"] if "sleep" in handler else _slept_s(handler)
        drains = [
            float(value)
            for name, value in environment(container).items()
            if name.endswith("_DRAIN_S")
        ]
        needed_s = before_s + sum(drains) + SPARE_S
        if needed_s > grace_s:
            yield f"{container['name']} needs {needed_s:g} s to end and is killed after {grace_s}"


def _slept_s(handler: Object) -> float:
    found = re.search(r"\bsleep (\d+)", " ".join(handler["exec"]["command"]))
    return float(found[1]) if found else 0.0


def _twins(part: Object) -> Iterator[str]:
    named: dict[str, Iterable[str]] = {
        "container": [container["name"] for container in containers(part)],
        "volume": [volume["name"] for volume in _volumes_of(part)],
        "port": [
            port["name"] for container in containers(part) for port in container.get("ports", [])
        ],
        "port number": [
            str(port["containerPort"])
            for container in containers(part)
            for port in container.get("ports", [])
        ],
    }
    for container in containers(part):
        mounts = container.get("volumeMounts", [])
        named[f"variable of {container['name']}"] = [v["name"] for v in container.get("env", [])]
        named[f"mount of {container['name']}"] = [mount["mountPath"] for mount in mounts]
    for what, names in named.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"the {what} {name} is there {count} times"


def _security(part: Object) -> Iterator[str]:
    """The restricted standard of pod security, and what this project asks beyond it."""
    pod = pod_of(part)
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or context.get("runAsUser", 0) == 0:
        yield "it may run as root"
    if not context.get("runAsGroup") or context.get("fsGroup") == 0:
        yield "it runs in the group of root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "it runs without seccomp"
    if pod.get("automountServiceAccountToken") is not False:
        yield "it has a token of the API server"
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"it has {field}"


def _privileges(container: Object) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "it may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "it has capabilities"
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "it may run as root"
    if context.get("readOnlyRootFilesystem") is not True and not _extended(container):
        yield "it can write its root"


def _image(container: Object) -> Iterator[str]:
    image = container.get("image", "")
    name, _, tag = image.rpartition("/")[2].partition(":")
    if "@sha256:" not in image and (not name or tag in {"", "latest"}):
        yield f"its image is {image or 'not named'}"
    if "imagePullPolicy" not in container:
        yield "it says no imagePullPolicy"


def _resources(container: Object) -> Iterator[str]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for name in ("cpu", "memory"):
        if name not in requests or name not in limits:
            yield f"it has no request or no limit of {name}"
    for name in {*requests, *limits}:
        try:
            request, limit = (quantity(side.get(name, 0)) for side in (requests, limits))
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if request > limit:
            yield f"it requests {requests[name]} of {name} and may have {limits.get(name, 0)}"
        if name not in NATIVE and (request != limit or limit != int(limit)):
            yield f"{name} must be whole, and the same as request and as limit"


def _ports(container: Object) -> Iterator[str]:
    for port in container.get("ports", []):
        if not _PORT_NAME.fullmatch(port.get("name", "")):
            yield f"no port can be called {port.get('name')!r}"
        if not 0 < port["containerPort"] < 65536:
            yield f"there is no port {port['containerPort']}"
        if "hostPort" in port:
            yield f"it takes the port {port['hostPort']} of its node"


def _variables(container: Object) -> Iterator[str]:
    for name, value in environment(container).items():
        if isinstance(value, str) and value and _SECRET_NAME.search(name):
            yield f"{name} holds a secret that everyone can read"
        if value is None:
            yield f"{name} has no value"


def _mounts(container: Object) -> Iterator[str]:
    for mount in container.get("volumeMounts", []):
        if not mount["mountPath"].startswith("/"):
            yield f"it mounts at {mount['mountPath']}"


def _probes(container: Object) -> Iterator[str]:
    numbers = {port["containerPort"] for port in container.get("ports", [])}
    names = {port["name"] for port in container.get("ports", [])}
    for kind in PROBES:
        probe = container.get(kind)
        if not probe:
            yield f"it has no {kind}"
            continue
        handlers = [handler for handler in HANDLERS if handler in probe]
        if len(handlers) != 1:
            yield f"its {kind} asks in {len(handlers)} ways"
            continue
        port = probe[handlers[0]].get("port")
        if port not in numbers | names:
            yield f"its {kind} asks the port {port}, which it has not"
        if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
            yield f"its {kind} must succeed once"
        for field in ("periodSeconds", "failureThreshold"):
            if field not in probe:
                yield f"its {kind} says no {field}"
        if kind != "startupProbe" and probe.get("timeoutSeconds", 1) < LEAST_TIMEOUT_S:
            yield f"its {kind} waits for no busy process"
        if any(probe.get(field, 1) < 1 for field in _COUNTS):
            yield f"its {kind} has a number below 1"


_COUNTS = ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")


def _volumes_of(part: Object) -> list[Object]:
    volumes: list[Object] = pod_of(part).get("volumes") or []
    return volumes


def _extended(container: Object) -> Mapping[str, object]:
    """Return the resources of devices that a container uses."""
    limits = container.get("resources", {}).get("limits", {})
    return {name: amount for name, amount in limits.items() if name not in NATIVE}
