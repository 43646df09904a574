"""What the values of the model services and of their models change."""

from tests.deploy.cases import OCR, POD, Case, deployment
from tests.deploy.paths import ABSENT

_SERVICES = [
    case
    for name in ("colorize", "ocr", "vision")
    for case in (
        Case({f"services.{name}.replicas": 5}, deployment(name, "spec/replicas"), 5, 2),
        Case({f"services.{name}.image.tag": "7"},
             deployment(name, f"{POD}/containers/{name}/image"),
             f"imagemesh/{name}:7", f"imagemesh/{name}:0.1.0"),
        Case({f"services.{name}.image.digest": "sha256:" + "a" * 64},
             deployment(name, f"{POD}/containers/{name}/image"),
             f"imagemesh/{name}@sha256:" + "a" * 64, f"imagemesh/{name}:0.1.0"),
        Case({f"services.{name}.profile": "embedded"},
             deployment(name, f"{POD}/containers/{name}/env/{name.upper()}_PROFILE/value"),
             "embedded", "auto"),
        Case({f"services.{name}.settings": {"MAX_IMAGE_PIXELS": 36_000_000}},
             deployment(name, f"{POD}/containers/{name}/env/{name.upper()}_MAX_IMAGE_PIXELS/value"),
             "36000000"),
        Case({f"services.{name}.gpu.enabled": True},
             deployment(name, f"{POD}/containers/{name}/env/{name.upper()}_DEVICE/value"),
             "cuda", "cpu"),
        Case({f"services.{name}.hpa.enabled": True}, deployment(name, "spec/replicas"), ABSENT, 2),
        Case({f"services.{name}.hpa.enabled": True},
             ("HorizontalPodAutoscaler", name, "spec/scaleTargetRef/name"), f"imagemesh-{name}"),
    )
]  # fmt: skip

_SERVICE = [
    Case({"services.ocr.image.repository": "mine/ocr"}, deployment("ocr", f"{OCR}/image"),
         "mine/ocr:0.1.0", "imagemesh/ocr:0.1.0"),
    Case({"services.ocr.resources.limits.cpu": "4"},
         deployment("ocr", f"{OCR}/resources/limits/cpu"), "4", "2"),
    Case({"services.ocr.resources.requests.memory": "2Gi"},
         deployment("ocr", f"{OCR}/resources/requests/memory"), "2Gi", "1Gi"),
    Case({"services.ocr.tmpSizeLimit": "1Gi"},
         deployment("ocr", f"{POD}/volumes/tmp/emptyDir/sizeLimit"), "1Gi", "256Mi"),
    Case({"services.ocr.readOnlyRootFilesystem": False},
         deployment("ocr", f"{OCR}/securityContext/readOnlyRootFilesystem"),
         expected=False, before=True,
         accepts="imagemesh-ocr/ocr: it can write its root"),
    Case({"services.ocr.startupSeconds": 602},
         deployment("ocr", f"{OCR}/startupProbe/failureThreshold"), 121, 60),
    Case({"services.ocr.settings": {"TESSDATA_DIR": "/models/tessdata"}},
         deployment("ocr", f"{OCR}/env/OCR_TESSDATA_DIR/value"), "/models/tessdata"),
    Case({"services.vision.settings": {"NUDITY_THRESHOLD": 0.75}},
         deployment("vision", f"{POD}/containers/vision/env/VISION_NUDITY_THRESHOLD/value"),
         "0.75"),
    Case({"services.ocr.nodeSelector": {"disk": "ssd"}},
         deployment("ocr", f"{POD}/nodeSelector"), {"disk": "ssd"}),
    Case({"services.ocr.tolerations": [{"key": "spot", "operator": "Exists"}]},
         deployment("ocr", f"{POD}/tolerations"), [{"key": "spot", "operator": "Exists"}]),
    Case({"services.ocr.podAnnotations": {"a": "b"}},
         deployment("ocr", "spec/template/metadata/annotations"), {"a": "b"}),
    Case({"services.ocr.pdb.maxUnavailable": 2, "services.ocr.replicas": 4},
         ("PodDisruptionBudget", "ocr", "spec/maxUnavailable"), 2, 1),
    Case({"services.ocr.replicas": 1}, ("PodDisruptionBudget", "ocr", "spec"), ABSENT, "..."),
    Case({"services.ocr.hpa": {"enabled": True, "minReplicas": 3}},
         ("HorizontalPodAutoscaler", "ocr", "spec/minReplicas"), 3),
    Case({"services.ocr.hpa": {"enabled": True, "maxReplicas": 9}},
         ("HorizontalPodAutoscaler", "ocr", "spec/maxReplicas"), 9),
    Case({"services.ocr.hpa": {"enabled": True, "cpuPercent": 55}},
         ("HorizontalPodAutoscaler", "ocr", "spec/metrics/0/resource/target/averageUtilization"),
         55),
]  # fmt: skip

_GPU = [
    Case({"services.ocr.gpu.enabled": True},
         deployment("ocr", f"{OCR}/resources/limits/nvidia.com~gpu"), 1),
    Case({"services.ocr.gpu.enabled": True},
         deployment("ocr", f"{OCR}/resources/requests/nvidia.com~gpu"), 1),
    Case({"services.ocr.gpu": {"enabled": True, "count": 2}},
         deployment("ocr", f"{OCR}/resources/limits/nvidia.com~gpu"), 2),
    Case({"services.ocr.gpu": {"enabled": True, "resource": "nvidia.com/mig-1g.5gb"}},
         deployment("ocr", f"{OCR}/resources/limits/nvidia.com~mig-1g.5gb"), 1),
    Case({"services.ocr.gpu.enabled": True},
         deployment("ocr", "spec/strategy/rollingUpdate"),
         {"maxSurge": 0, "maxUnavailable": 1}, {"maxSurge": 1, "maxUnavailable": 0}),
    Case({"services.ocr.gpu.enabled": True}, deployment("vision", "spec/strategy/rollingUpdate"),
         {"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": 1, "maxUnavailable": 0}),
    Case({"services.ocr.gpu.enabled": True}, deployment("ocr", f"{POD}/nodeSelector"),
         {"nvidia.com/gpu.present": "true"}),
    Case({"services.ocr.gpu": {"enabled": True, "nodeSelector": {"nvidia.com/gpu.product": "L4"}}},
         deployment("ocr", f"{POD}/nodeSelector/nvidia.com~gpu.product"), "L4"),
    Case({"services.ocr.gpu.enabled": True, "services.ocr.nodeSelector": {"disk": "ssd"}},
         deployment("ocr", f"{POD}/nodeSelector"),
         {"disk": "ssd", "nvidia.com/gpu.present": "true"}),
    Case({"services.ocr.gpu.enabled": True}, deployment("ocr", f"{POD}/tolerations/0/key"),
         "nvidia.com/gpu"),
    Case({"services.ocr.gpu": {"enabled": True, "tolerations": []}},
         deployment("ocr", f"{POD}/tolerations"), ABSENT,
         accepts="imagemesh-ocr: nodes of GPUs are tainted"),
    Case({"services.ocr.gpu": {"enabled": True, "runtimeClassName": "nvidia"}},
         deployment("ocr", f"{POD}/runtimeClassName"), "nvidia"),
    Case({"services.ocr.gpu": {"runtimeClassName": "nvidia"}},
         deployment("ocr", f"{POD}/runtimeClassName"), ABSENT),
    Case({"services.ocr.gpu": {"enabled": True, "shmSize": "1536Mi"}},
         deployment("ocr", f"{POD}/volumes/shm/emptyDir"),
         {"medium": "Memory", "sizeLimit": "1536Mi"}),
    Case({"services.ocr.gpu.enabled": True},
         deployment("ocr", f"{OCR}/volumeMounts/shm/mountPath"), "/dev/shm"),  # noqa: S108 - a place in a container
]  # fmt: skip

_KEDA: dict[str, object] = {
    "services.ocr.keda.enabled": True,
    "monitoring.prometheusUrl": "http://prometheus:9090",
}
_SCALED = ("ScaledObject", "ocr")
_TRIGGER = "spec/triggers/0/metadata"
_KEDA_CASES = [
    Case(_KEDA, (*_SCALED, "spec/scaleTargetRef/name"), "imagemesh-ocr"),
    Case(_KEDA, deployment("ocr", "spec/replicas"), ABSENT, 2),
    Case(_KEDA, (*_SCALED, f"{_TRIGGER}/serverAddress"), "http://prometheus:9090"),
    Case(_KEDA, (*_SCALED, f"{_TRIGGER}/query"),
         'sum(imagemesh_model_waiting{namespace="imagemesh",service="imagemesh-ocr"})'),
    Case({**_KEDA, "services.ocr.keda.minReplicas": 3}, (*_SCALED, "spec/minReplicaCount"), 3),
    Case({**_KEDA, "services.ocr.keda.minReplicas": 3}, (*_SCALED, "spec/fallback/replicas"), 3),
    Case({**_KEDA, "services.ocr.keda.maxReplicas": 9}, (*_SCALED, "spec/maxReplicaCount"), 9),
    Case({**_KEDA, "services.ocr.keda.waitingPerReplica": 8}, (*_SCALED, f"{_TRIGGER}/threshold"),
         "8"),
    Case({**_KEDA, "services.ocr.keda.cooldownSeconds": 60}, (*_SCALED, "spec/cooldownPeriod"), 60),
]  # fmt: skip

_PULL = {"mirror": "https://m.example.org", "cidr": "10.1.2.3/32"}
_MODELS = [
    Case({"models": {"source": "image", "image": "m/models@sha256:1"}},
         deployment("ocr", f"{POD}/volumes/models/image/reference"), "m/models@sha256:1"),
    Case({"models": {"source": "image", "image": "m/models@sha256:1"}},
         deployment("ocr", f"{OCR}/env/IMAGEMESH_MODELS_DIR/value"), "/models"),
    Case({"models": {"source": "image", "image": "m/models@sha256:1"}},
         deployment("ocr", f"{OCR}/volumeMounts/models/readOnly"), expected=True),
    Case({"models": {"source": "claim", "claim": "weights"}},
         deployment("vision", f"{POD}/volumes/models/persistentVolumeClaim"),
         {"claimName": "weights", "readOnly": True}),
    Case({"models": {"source": "pull", "pull": _PULL}},
         deployment("vision", f"{POD}/initContainers/0/command"), ["imagemesh", "models", "pull"]),
    Case({"models": {"source": "pull", "pull": _PULL}},
         deployment("vision", f"{POD}/initContainers/0/env/IMAGEMESH_MODELS_MIRROR/value"),
         "https://m.example.org"),
    Case({"models": {"source": "pull", "pull": {**_PULL, "sizeLimit": "9Gi"}}},
         deployment("vision", f"{POD}/volumes/models/emptyDir/sizeLimit"), "9Gi"),
    Case({"models": {"source": "pull", "pull": {**_PULL, "port": 8443}}},
         ("NetworkPolicy", "vision", "spec/egress/1/ports/0/port"), 8443),
]  # fmt: skip

SERVICE_CASES = [
    *_SERVICES,
    *_SERVICE,
    *_GPU,
    *_KEDA_CASES,
    *_MODELS,
]
