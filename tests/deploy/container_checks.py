"""Faults of containers that start, and then lack something, show something or are killed."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from modelkit.settings import ModelServiceSettings
from scripts.render_base import Object
from tests.deploy.objects import containers, environment, of_kind, pod_of, quantity
from tests.deploy.pod_checks import NATIVE

SERVICES = ("colorize", "ocr", "vision")
# What was measured, or is bounded elsewhere; values.yaml says it beside each limit.
LEAST_MEMORY = {**dict.fromkeys(SERVICES, "1536Mi"), "gateway": "1536Mi", "envoy": "1537Mi"}
LEAST_VOLUME = {"models": "1Gi", "tmp": "64Mi", "shm": "256Mi"}
# Readiness may ask for more than liveness: what is killed for want of another comes back as bad.
PROBES = {
    "gateway": {
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    },
    "envoy": dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), "/ready"),
}
PROBED = {"gateway": "http", "envoy": "stats"}
# Least and most time until a probe that fails has its effect, in seconds.
UNTIL_LEFT = (5, 20)
UNTIL_KILLED = (45, 900)
MAX_RUN_S = ModelServiceSettings.model_fields["max_run_s"].default  # then it ends by itself
CPUS = {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}}
ARGUMENTS = ("--config-path", "--concurrency", "$(CPUS)", "--drain-time-s", "--disable-hot-restart")
LEAST_PRE_STOP_S = 5  # Envoy asks DNS so often
WORLD = 0o137  # bits that let others than the group read a file, or anyone write or run it

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


def container_faults(parts: Sequence[Object]) -> Iterator[str]:
    """Return what is wrong with the containers."""
    for part in of_kind(parts, "Deployment"):
        for container in containers(part):
            name = f"{part['metadata']['name']}/{container['name']}"
            for rule in (_image, _memory, _mounts, _variables):
                yield from (f"{name}: {fault}" for fault in rule(container, part))
        for container in containers(part, init=False):
            name = f"{part['metadata']['name']}/{container['name']}"
            for rule in (_probes, _arguments, _stop):
                yield from (f"{name}: {fault}" for fault in rule(container, part))


def _image(container: Object, part: Object) -> Iterator[str]:
    (main, *_) = containers(part, init=False)
    repository = re.split(r"[:@]", container.get("image", "").rpartition("/")[2])[0]
    if container["name"] == main["name"] and repository != container["name"]:
        yield f"it runs the image of {repository or 'nobody'}"
    if container.get("image") != main.get("image"):
        yield f"it runs {container.get('image')} beside {main.get('image')}"


def _memory(container: Object, part: Object) -> Iterator[str]:
    del part
    resources = container.get("resources", {})
    limit = _amount(resources.get("limits", {}).get("memory", 0))
    if limit < quantity(LEAST_MEMORY.get(container["name"], "256Mi")):
        yield f"{resources.get('limits', {}).get('memory')} of memory are too few"
    if _amount(resources.get("requests", {}).get("memory", 0)) < quantity("64Mi"):
        yield "it requests next to no memory"


def _amount(value: str | float) -> Any:  # Any: a Decimal; one that cannot be read is no fault here
    try:
        return quantity(value)
    except ValueError:
        return quantity("1Ti")


def _mounts(container: Object, part: Object) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod_of(part).get("volumes", [])}
    mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
    if "/tmp" not in mounts or mounts["/tmp"].get("readOnly"):  # noqa: S108 - of the pod
        yield "it has no /tmp to write to"
    is_first = container in pod_of(part).get("initContainers", [])
    for path, mount in mounts.items():
        volume = volumes.get(mount["name"], {})
        is_given = bool({"secret", "configMap", "image"} & set(volume))
        is_read = is_given or (mount["name"] == "models" and not is_first)
        if is_read and mount.get("readOnly") is not True:
            yield f"it could write what is read at {path}"
        if path == "/dev/shm" and volume.get("emptyDir", {}).get("medium") != "Memory":  # noqa: S108
            yield "its shared memory is on a disk"
    limits = container.get("resources", {}).get("limits", {})
    if set(limits) - NATIVE and "/dev/shm" not in mounts:  # noqa: S108 - of the pod
        yield "it has a GPU and no shared memory for its tensors"
    mounted = {mount["name"] for mount in mounts.values()}
    yield from _sizes({name: volumes[name] for name in mounted & set(volumes)}, limits)


def _sizes(volumes: dict[str, Object], limits: Object) -> Iterator[str]:
    for name, volume in volumes.items():
        mode = volume.get("secret", {}).get("defaultMode", 0o440)
        if mode & WORLD:
            yield f"the files of {name} have the mode {mode:o}"
        size = _amount((volume.get("emptyDir") or {}).get("sizeLimit", "1Ti"))
        if size < quantity(LEAST_VOLUME.get(name, "0")):
            yield f"the volume {name} is too small"
        in_memory = (volume.get("emptyDir") or {}).get("medium") == "Memory"
        if in_memory and size >= _amount(limits.get("memory", "1Ti")):
            yield f"the volume {name} may have all memory of its container"


def _variables(container: Object, part: Object) -> Iterator[str]:
    del part
    variables = environment(container)
    for name, value in variables.items():
        if isinstance(value, str) and _PASSWORD_IN_URL.search(value):
            yield f"{name} holds a password that everyone can read"
        if name.endswith("_HOST") and (value == "0.0.0.0") is (name == "GATEWAY_ADMIN_HOST"):
            yield f"{name} is {value}"
        if name.endswith("_LOG_FORMAT") and value != "json":
            yield f"it logs as {value}, which no collector reads"
        if (name == "CPUS" or name.endswith("_THREADS")) and value != CPUS:
            yield f"{name} is {value}, and not the processors it may have"
    sources = Counter(str(value) for value in variables.values() if "secretKeyRef" in str(value))
    for source, count in sources.items():
        if count > 1:
            yield f"{count} variables are of {source}"
    yield from _models(container)


def _models(container: Object) -> Iterator[str]:
    """What is pulled is written where it is read."""
    folder = environment(container).get("IMAGEMESH_MODELS_DIR")
    if folder is None:
        return
    within = [
        mount["name"]
        for mount in container.get("volumeMounts", [])
        if PurePosixPath(folder).is_relative_to(mount["mountPath"])
    ]
    if within != ["models"]:
        yield f"its models are in {folder} of {within}"


def _probes(container: Object, part: Object) -> Iterator[str]:
    del part
    for kind, path in PROBES.get(container["name"], {}).items():
        asked = container.get(kind, {}).get("httpGet", {})
        if asked != {"path": path, "port": PROBED[container["name"]]}:
            yield f"its {kind} asks {asked}"
    lasting = {
        kind: probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        for kind, probe in container.items()
        if kind.endswith("Probe")
    }
    least, most = UNTIL_LEFT
    if not least <= lasting.get("readinessProbe", least) <= most:
        yield f"it is called for {lasting['readinessProbe']} s after it broke"
    least, most = UNTIL_KILLED
    if container["name"] in SERVICES:
        least = MAX_RUN_S
    if not least <= lasting.get("livenessProbe", least) <= most:
        yield f"it is killed after {lasting['livenessProbe']} s"


def _arguments(container: Object, part: Object) -> Iterator[str]:
    if container["name"] != "envoy":
        return
    arguments = container.get("args", [])
    for word in ARGUMENTS:
        if word not in arguments:
            yield f"it runs without {word}"
    before = arguments.index("--drain-time-s") if "--drain-time-s" in arguments else -1
    drain_s = int(arguments[before + 1]) if before >= 0 else 0
    if drain_s > pod_of(part).get("terminationGracePeriodSeconds", 30):
        yield f"it drains for {drain_s} s and has less"


def _stop(container: Object, part: Object) -> Iterator[str]:
    slept_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds")
    if slept_s is not None and slept_s < LEAST_PRE_STOP_S:
        yield f"it stops {slept_s} s after the others are told"
    drains = [float(v) for n, v in environment(container).items() if n.endswith("_DRAIN_S")]
    needed_s = (slept_s or 0) + sum(drains)
    if drains and pod_of(part).get("terminationGracePeriodSeconds", 30) > 2 * needed_s + 60:
        yield "one that hangs holds its node for long"
