"""Planted errors that an API server admits, and a reviewer would find."""

from tests.deploy.mutants import OCR, POD, ROUTES, Mutant, ocr
from tests.deploy.paths import ABSENT

GATEWAY = f"{POD}/containers/gateway"
ENVOY = f"{POD}/containers/envoy"
PULL = f"{POD}/initContainers/pull-models"


def gateway(path: str, value: object, report: str, *, profile: str = "default") -> Mutant:
    """Return an error in the Deployment of the gateway."""
    return Mutant("Deployment", "gateway", path, value, report, profile)


def envoy(path: str, value: object, report: str) -> Mutant:
    """Return an error in the Deployment of Envoy."""
    return Mutant("Deployment", "envoy", path, value, report)


FIELDS = [
    ocr(f"{POD}/hostAliases", [{"ip": "10.0.0.5"}], "no check knows the field"),
    ocr(f"{OCR}/securityContext/procMount", "Unmasked", "securityContext/procMount"),
    ocr(f"{OCR}/livenessProbe/initialDelaySeconds", 600, "livenessProbe/initialDelaySeconds"),
    ocr(f"{PULL}/restartPolicy", "Always", "initContainers/restartPolicy", profile=ROUTES),
    ocr("spec/paused", value=True, report="the field spec/paused"),
    ocr("metadata/namespace", "default", "the objects are in 2 namespaces"),
    Mutant("Service", "ocr", "spec/publishNotReadyAddresses", value=True, report="publishNotReady"),
    Mutant("NetworkPolicy", "ocr", "spec/podSelector/matchExpressions", [], "matchExpressions"),
    Mutant("NetworkPolicy", "ocr", "spec/ingress/0/ports/0/endPort", 60000, "ports/endPort"),
    Mutant("HTTPRoute", "rest", "spec/rules/0/backendRef", {}, "rules/backendRef", ROUTES),
    Mutant("GRPCRoute", "grpc", "spec/rules/0/backendRefs/0/weight", 0, "Refs/weight", ROUTES),
    Mutant("ServiceMonitor", "ocr", "spec/namespaceSelector", {"any": True}, "namespaceS", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/minReplicas", 2, "the field spec/minReplicas", ROUTES),
    Mutant("HTTPRoute", "rest", "apiVersion", "gateway.networking.k8s.io/v1beta1", "is of gateway.",
           ROUTES),
]  # fmt: skip
CONTAINERS = [
    ocr(f"{OCR}/image", "imagemesh/vision:0.1.0", "it runs the image of vision"),
    ocr(f"{PULL}/image", "busybox:1.37", "it runs busybox:1.37 beside", profile=ROUTES),
    ocr(f"{OCR}/resources/limits/memory", "1Gi", "1Gi of memory are too few"),
    ocr(f"{OCR}/resources/requests/memory", "1024m", "it requests next to no memory"),
    ocr(f"{OCR}/volumeMounts/tmp/readOnly", value=True, report="it has no /tmp to write to"),
    ocr(f"{OCR}/volumeMounts/models/readOnly", ABSENT, "what is read at /models", profile=ROUTES),
    envoy(f"{ENVOY}/volumeMounts/tls/readOnly", ABSENT, "what is read at /etc/envoy/tls"),
    ocr(f"{POD}/volumes/shm/emptyDir/medium", ABSENT, "memory is on a disk", profile="gpu"),
    ocr(f"{OCR}/volumeMounts/shm/mountPath", "/shm", "no shared memory", profile="gpu"),
    ocr(f"{POD}/volumes/shm/emptyDir/sizeLimit", "8Gi", "may have all memory", profile="gpu"),
    ocr(f"{POD}/volumes/models/emptyDir/sizeLimit", "20Mi", "models is too small", profile=ROUTES),
    envoy(f"{POD}/volumes/tls/secret/defaultMode", 0o444, "the files of tls have the mode 444"),
    ocr(f"{POD}/securityContext/fsGroup", 0, "it runs in the group of root"),
    ocr(f"{OCR}/env/OCR_LOG_FORMAT/value", "console", "it logs as console"),
    ocr(f"{OCR}/env/OCR_THREADS/valueFrom/resourceFieldRef/resource", "limits.memory",
        "and not the processors it may have"),
    gateway(f"{GATEWAY}/env/GATEWAY_AUTHZ_HOST/value", "127.0.0.1", "GATEWAY_AUTHZ_HOST is"),
    gateway(f"{GATEWAY}/env/GATEWAY_DATABASE_URL/value", "postgresql://mesh:pw@db/mesh",
            "holds a password that everyone can read"),
    gateway(f"{GATEWAY}/env/GATEWAY_RATE_URL/valueFrom/secretKeyRef/name", "imagemesh-database",
            "2 variables are of", profile="production"),
    ocr(f"{PULL}/env/IMAGEMESH_MODELS_DIR/value", "/srv", "its models are in /srv", profile=ROUTES),
    gateway(f"{GATEWAY}/readinessProbe/httpGet/path", "/healthz", "its readinessProbe asks"),
    gateway(f"{GATEWAY}/livenessProbe/httpGet/path", "/readyz", "its livenessProbe asks"),
    ocr(f"{OCR}/readinessProbe/failureThreshold", 12, "it is called for 60 s after it broke"),
    ocr(f"{OCR}/livenessProbe/failureThreshold", 3, "it is killed after 60 s"),
    envoy(f"{ENVOY}/args/2", "--no-concurrency", "it runs without --concurrency"),
    envoy(f"{ENVOY}/args/5", "600", "it drains for 600 s"),
    ocr(f"{OCR}/lifecycle/preStop/sleep/seconds", 1, "1 s after the others are told"),
    ocr(f"{POD}/terminationGracePeriodSeconds", 3600, "hangs holds its node for long"),
]  # fmt: skip
SCALING = [
    ocr("spec/selector/matchLabels/app.kubernetes.io~version", "0.1.0", "its selector is of"),
    ocr("spec/revisionHistoryLimit", 0, "it cannot be rolled back"),
    ocr("spec/strategy/rollingUpdate/maxUnavailable", "100%", "takes 100% of its replicas away"),
    ocr(f"{POD}/topologySpreadConstraints/0/topologyKey", "kubernetes.io/hostname", "twice"),
    ocr(f"{POD}/topologySpreadConstraints/0/topologyKey", "zone", "which nodes have not"),
    ocr(f"{POD}/topologySpreadConstraints", [], "all replicas of imagemesh-ocr may be on one node"),
    ocr(f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~component",
        ABSENT, "it is spread with the pods of others"),
    ocr(f"{OCR}/resources/limits/nvidia.com~gpus", 1, "no device is called", profile="gpu"),
    ocr(f"{POD}/tolerations/0/key", "gpu", "it does not tolerate it", profile="gpu"),
    ocr(f"{POD}/tolerations/0/key", ABSENT, "on every tainted node", profile="gpu"),
    ocr(f"{POD}/serviceAccountName", "imagemesh-gateway", "has the account imagemesh-gateway"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/scaleTargetRef/kind", "StatefulSet",
           "scales a apps/v1 StatefulSet", "production"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/metrics/0/resource/target/averageUtilization",
           100, "imagemesh-ocr wants", "production"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/behavior/scaleDown/stabilizationWindowSeconds",
           0, "takes replicas away after 0 s", "production"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/maxReplicas", 2, "nothing to scale",
           "production"),
    Mutant("ScaledObject", "ocr", "spec/minReplicaCount", 0, "which nobody could wake", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/fallback", ABSENT, "no replicas to fall back to", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/triggers/0/metadata/query", "sum(imagemesh_queue)",
           "scales by sum(imagemesh_queue)", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/triggers/0/metadata/serverAddress", "http://localhost:9090",
           "asks http://localhost:9090", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/triggers/0/metadata/threshold", 4, "the threshold 4",
           ROUTES),
    Mutant("PodDisruptionBudget", "ocr", "spec/unhealthyPodEvictionPolicy", "IfHealthyBudget",
           "keeps broken pods, and their node"),
    Mutant("PersistentVolumeClaim", "gateway", "spec/accessModes", ["ReadWriteMany"],
           "would share a file of SQLite over a network"),
]  # fmt: skip
EXPOSURE = [
    Mutant("Service", "ocr", "spec/ports/0/appProtocol", ABSENT, "grpc speaks None"),
    Mutant("Service", "envoy", "spec/ports/+",
           {"name": "stats", "port": 9902, "targetPort": "stats"}, "shows stats as 9902"),
    Mutant("NetworkPolicy", "deny-all", "spec/ingress", [{}], "no NetworkPolicy denies"),
    Mutant("NetworkPolicy", "ocr", "spec/policyTypes", ["Ingress"], "for one direction alone"),
    Mutant("NetworkPolicy", "gateway", "spec/egress/4/to/0/ipBlock/except/3", "169.254.0.0/24",
           "lets 169.254.0.0/16 be reached"),
    Mutant("HTTPRoute", "rest", "spec/parentRefs", [], "HTTPRoute has no Gateway", ROUTES),
    Mutant("HTTPRoute", "rest", "spec/rules/0/backendRefs/0/port", 8081, "to the port authz",
           ROUTES),
    Mutant("HTTPRoute", "rest", "spec/rules/0/timeouts", ABSENT, "it may take 60 s", ROUTES),
    Mutant("GRPCRoute", "grpc", "spec/rules/0/matches/0/method/type", "RegularExpression",
           "GRPCRoute matches", ROUTES),
    Mutant("GRPCRoute", "grpc", "spec/rules/0/backendRefs", [], "GRPCRoute sends nowhere", ROUTES),
    Mutant("ServiceMonitor", "ocr", "spec/selector/matchLabels/app.kubernetes.io~component", ABSENT,
           "ServiceMonitor imagemesh-ocr scrapes", ROUTES),
    Mutant("ServiceMonitor", "ocr", "spec/endpoints/0/interval", 30, "scrapes every 30", ROUTES),
    Mutant("ConfigMap", "envoy", "data/tls.key", "-----BEGIN PRIVATE KEY-----", "shows a secret"),
    Mutant("ConfigMap", "dashboards", "metadata/labels/grafana_dashboard", ABSENT,
           "Grafana does not find", ROUTES),
    envoy(f"{ENVOY}/resources/limits/memory", "1600Mi", "Envoy sheds load at 1536 MiB"),
    gateway(f"{GATEWAY}/env/GATEWAY_AUTHZ_PORT/value", "8082", "the gateway answers at 8082"),
]  # fmt: skip
CHART_MUTANTS = [*FIELDS, *CONTAINERS, *SCALING, *EXPOSURE]
