"""Planted errors: a change of one place of a render, and what the checks must say of it."""

from dataclasses import dataclass

from tests.deploy.paths import ABSENT

POD = "spec/template/spec"
OCR = f"{POD}/containers/ocr"


@dataclass(frozen=True, slots=True)
class Mutant:
    """An error at a place of a render.

    Attributes:
        kind: of the object.
        name: of the object, without the release's.
        path: of the place.
        value: the error that is put there; ABSENT takes something away.
        report: what the checks must say.
        profile: what is rendered, by its name in RENDERS.
    """

    kind: str
    name: str
    path: str
    value: object
    report: str
    profile: str = "default"

    def __str__(self) -> str:
        """Return what names the mutant in a report."""
        return f"{self.name}/{'/'.join(self.path.split('/')[-2:])}={self.value}"[:60]


def ocr(path: str, value: object, report: str, *, profile: str = "default") -> Mutant:
    """Return an error in the Deployment of the ocr service."""
    return Mutant("Deployment", "ocr", path, value, report, profile)


SCHEMA = [
    ocr("spec/replica", 2, "'replica' was unexpected"),
    ocr(f"{OCR}/securityContext/runAsNonroot", value=True, report="'runAsNonroot' was unexpected"),
    ocr(f"{OCR}/terminationGracePeriodSeconds", 30, "was unexpected"),
    ocr("spec/replicas", "2", "is not of type"),
    ocr(f"{OCR}/env/OCR_DRAIN_S/value", 60, "is not of type"),
    ocr(f"{POD}/nodeSelector", {"gpu": True}, "is not of type"),
    ocr("spec/selector", ABSENT, "'selector' is a required property"),
    ocr(f"{OCR}/livenessProbe/grpc/port", "grpc", "is not of type"),
    ocr(f"{OCR}/livenessProbe/grpc/port", ABSENT, "'port' is a required property"),
    Mutant("PodDisruptionBudget", "ocr", "apiVersion", "policy/v1beta1", "Couldn't find schema"),
]
PODS = [
    ocr("spec/selector/matchLabels/app.kubernetes.io~component", "orc", "does not select its own"),
    ocr(f"{OCR}/image", "imagemesh/ocr:latest", "its image is imagemesh/ocr:latest"),
    ocr(f"{OCR}/image", "imagemesh/ocr", "its image is imagemesh/ocr"),
    ocr(f"{OCR}/image", ABSENT, "its image is not named"),
    ocr(f"{OCR}/resources/limits/memory", "4GB", "4GB is no quantity"),
    ocr(f"{OCR}/resources/limits/cpu", "4 cores", "4 cores is no quantity"),
    ocr(f"{OCR}/resources/requests/memory", "3Gi", "it requests 3Gi of memory and may have 2Gi"),
    ocr(f"{OCR}/resources/limits/memory", ABSENT, "no request or no limit of memory"),
    ocr(f"{OCR}/resources", {}, "no request or no limit of cpu"),
    ocr(f"{OCR}/resources/limits/nvidia.com~gpu", 1, "must be whole, and the same"),
    ocr(f"{OCR}/resources/limits/nvidia.com~gpu", "500m", "must be whole", profile="gpu"),
    ocr(f"{OCR}/resources/limits/nvidia.com~gpu", ABSENT, "must be whole", profile="gpu"),
    ocr("spec/strategy/rollingUpdate/maxSurge", 1, "wait for a GPU", profile="gpu"),
    ocr(f"{POD}/nodeSelector", ABSENT, "names no nodes that have one", profile="gpu"),
    ocr(f"{POD}/tolerations/0/operator", "Exist", "the operator Exist", profile="gpu"),
    ocr(f"{POD}/tolerations/0/value", "true", "key alone has a value", profile="gpu"),
    ocr(f"{POD}/tolerations/0/effect", "NoRun", "the effect NoRun", profile="gpu"),
    ocr("spec/strategy/rollingUpdate/maxSurge", 0, "cannot begin"),
    ocr("spec/strategy/type", "Rolling", "it says no strategy"),
    ocr(f"{POD}/restartPolicy", "Never", "restarts its pods always"),
    ocr(f"{OCR}/ports/grpc/name", "a-name-that-is-too-long", "no port can be called"),
    ocr(f"{OCR}/ports/metrics/name", "grpc", "the port grpc is there 2 times"),
    ocr(f"{OCR}/ports/metrics/containerPort", 50052, "port number 50052 is there 2 times"),
    ocr(f"{OCR}/ports/grpc/containerPort", 70000, "there is no port 70000"),
    ocr(f"{OCR}/ports/grpc/hostPort", 80, "takes the port 80 of its node"),
    ocr(f"{OCR}/volumeMounts/tmp/name", "temp", "it mounts temp, which is no volume"),
    ocr(f"{POD}/volumes/tmp", ABSENT, "it mounts tmp, which is no volume"),
    ocr(f"{POD}/volumes/+", {"name": "x", "emptyDir": {"sizeLimit": "1Mi"}}, "nobody mounts"),
    ocr(f"{POD}/volumes/tmp/emptyDir", {}, "the volume tmp has no limit"),
    ocr(f"{POD}/volumes/tmp", {"name": "tmp", "hostPath": {"path": "/srv"}}, "folder of the node"),
    ocr(f"{OCR}/env/+", {"name": "OCR_DEVICE", "value": "cpu"}, "OCR_DEVICE is there 2 times"),
    ocr(f"{OCR}/env/+", {"name": "DB_PASSWORD", "value": "x"}, "holds a secret"),
    ocr(f"{OCR}/livenessProbe/httpGet", {"port": "grpc"}, "asks in 2 ways"),
    ocr(f"{OCR}/livenessProbe/grpc", ABSENT, "asks in 0 ways"),
    ocr(f"{OCR}/readinessProbe", ABSENT, "it has no readinessProbe"),
    ocr(f"{OCR}/startupProbe", ABSENT, "it has no startupProbe"),
    ocr(f"{OCR}/livenessProbe", ABSENT, "it has no livenessProbe"),
    ocr(f"{OCR}/livenessProbe/successThreshold", 2, "must succeed once"),
    ocr(f"{OCR}/livenessProbe/grpc/port", 50051, "asks the port 50051, which it has not"),
    ocr(f"{OCR}/livenessProbe/grpc/port", 99999, "asks the port 99999, which it has not"),
    ocr(f"{OCR}/livenessProbe/periodSeconds", 0, "has a number below 1"),
    ocr(f"{OCR}/lifecycle", ABSENT, "gets SIGTERM while it is still called"),
    ocr(f"{OCR}/lifecycle/preStop/sleep/seconds", 30, "needs 95 s to end"),
    ocr(f"{OCR}/env/OCR_DRAIN_S/value", "80", "needs 95 s to end"),
    ocr(f"{POD}/terminationGracePeriodSeconds", ABSENT, "is killed after 30"),
    Mutant("Deployment", "envoy", f"{POD}/terminationGracePeriodSeconds", 60, "needs 75 s to end"),
    ocr(f"{POD}/securityContext/runAsUser", 0, "it may run as root"),
    ocr(f"{POD}/securityContext/runAsNonRoot", ABSENT, "it may run as root"),
    ocr(f"{POD}/securityContext/seccompProfile", ABSENT, "it runs without seccomp"),
    ocr(f"{POD}/automountServiceAccountToken", value=True, report="a token of the API server"),
    ocr(f"{POD}/hostNetwork", value=True, report="it has hostNetwork"),
    ocr(
        f"{OCR}/securityContext/allowPrivilegeEscalation", value=True, report="may gain privileges"
    ),
    ocr(f"{OCR}/securityContext/privileged", value=True, report="may gain privileges"),
    ocr(f"{OCR}/securityContext/capabilities/add", ["NET_ADMIN"], "has capabilities"),
    ocr(f"{OCR}/securityContext/readOnlyRootFilesystem", value=False, report="can write its root"),
    ocr(f"{POD}/topologySpreadConstraints/0/whenUnsatisfiable", "Maybe", "whenUnsatisfiable Maybe"),
    ocr(f"{POD}/topologySpreadConstraints/0/maxSkew", 0, "has the skew 0"),
    ocr(
        f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~component",
        "vision",
        "spread counts the pods of another",
    ),
    ocr("spec/template/metadata/labels/app.kubernetes.io~version", "a b", "the value 'a b'"),
    Mutant("Deployment", "gateway", "spec/strategy/type", "RollingUpdate", "would share a volume"),
]
REFERENCES = [
    Mutant("Service", "ocr", "spec/ports/0/targetPort", "http", "the port http, which no pod has"),
    Mutant("Service", "ocr", "spec/ports/0/targetPort", 50051, "which no pod has"),
    Mutant("Service", "ocr", "spec/ports/1/name", "grpc", "two ports called grpc"),
    Mutant("Service", "ocr", "spec/clusterIP", "none", "has the clusterIP none"),
    Mutant("Service", "ocr", "spec/clusterIP", ABSENT, "would send all gRPC of a caller to one"),
    Mutant("Service", "ocr", "spec/selector/app.kubernetes.io~component", "o", "of 0 Deployments"),
    Mutant("Service", "ocr", "spec/selector/app.kubernetes.io~component", ABSENT, "of 5 Deploy"),
    Mutant("Service", "ocr", "metadata/name", "imagemesh-reader", "which no Service serves"),
    Mutant("Service", "ocr", "metadata/name", "imagemesh-vision", "is there 2 times"),
    Mutant("Service", "ocr", "metadata/name", "Ocr_Service", "cannot be called 'Ocr_Service'"),
    Mutant("Service", "mesh", "spec/ports/1/port", 50059, "imagemesh-mesh:50052, which no Service"),
    ocr(f"{POD}/serviceAccountName", "ocr", "needs ServiceAccount ocr"),
    ocr(f"{POD}/priorityClassName", "high", "needs PriorityClass high"),
    ocr(
        f"{OCR}/env/+",
        {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
        "needs ConfigMap c",
    ),
    Mutant("Deployment", "gateway", f"{POD}/volumes/data/persistentVolumeClaim/claimName", "x",
           "needs PersistentVolumeClaim x"),
    Mutant("Deployment", "envoy", f"{POD}/volumes/tls/secret/secretName", "x", "needs Secret x"),
    Mutant("Deployment", "envoy", f"{POD}/volumes/config/configMap/name", "x", "needs ConfigMap x"),
    Mutant("Deployment", "envoy", f"{POD}/containers/envoy/volumeMounts/config/subPath", "e.yaml",
           "has no e.yaml"),
    Mutant("Deployment", "gateway", f"{POD}/containers/gateway/env/GATEWAY_OCR_ADDRESS/value",
           "imagemesh-mesh:50050", "which no Service serves"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/scaleTargetRef/name", "ocr",
           "scales ocr, which is not there", "production"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/minReplicas", 9, "at least 9 and at most 6",
           "production"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/scaleTargetRef/name", "imagemesh-vision",
           "imagemesh-vision has 2 autoscalers", "production"),
    Mutant("Deployment", "ocr", "spec/replicas", 2, "says its replicas, and", "production"),
    Mutant("Deployment", "ocr", "spec/replicas", 0, "has no replicas, and nobody scales it"),
    Mutant("PodDisruptionBudget", "ocr", "spec/minAvailable", 1, "must say one of"),
    Mutant("PodDisruptionBudget", "ocr", "spec/maxUnavailable", 2, "lets 2 of 2 replicas go"),
    Mutant("PodDisruptionBudget", "ocr", "spec/maxUnavailable", 0, "lets 0 of 2 replicas go"),
    Mutant("PodDisruptionBudget", "ocr", "spec/selector/matchLabels/app.kubernetes.io~component",
           "x", "holds for 0 Deployments"),
    Mutant("NetworkPolicy", "ocr", "spec/podSelector/matchLabels/app.kubernetes.io~component", "x",
           "selects no pods"),
    Mutant("NetworkPolicy", "ocr", "spec/policyTypes/0", "ingress", "has the type ingress"),
    Mutant("NetworkPolicy", "ocr", "spec/ingress/0/ports/0/port", "http", "the port http, which"),
    Mutant("NetworkPolicy", "ocr",
           "spec/ingress/0/from/0/podSelector/matchLabels/app.kubernetes.io~component", "proxy",
           "names peers that are no pods"),
    ocr(f"{OCR}/livenessProbe/grpc/service", "imagemesh.ocr.v1.Ocr", "its livenessProbe asks for"),
    ocr(f"{OCR}/readinessProbe/grpc/service", ABSENT, "its readinessProbe asks for None"),
    Mutant("Deployment", "envoy", f"{POD}/containers/envoy/ports/public/containerPort", 8444,
           "its pod says otherwise"),
]  # fmt: skip
ROUTES = "everything"  # the render that has all opt-in objects
ENUMS = [
    ocr(f"{OCR}/imagePullPolicy", "Sometimes", "imagePullPolicy is Sometimes"),
    ocr(f"{POD}/volumes/tmp/emptyDir/sizeLimit", "256 MB", "sizeLimit: 256 MB is no quantity"),
    ocr(f"{POD}/volumes/tmp/emptyDir/medium", "memory", "medium is memory"),
    Mutant("Service", "envoy", "spec/type", "Public", "the type is Public"),
    Mutant("NetworkPolicy", "ocr", "spec/ingress/0/ports/0/protocol", "tcp", "protocol is tcp"),
    Mutant("PersistentVolumeClaim", "gateway", "spec/accessModes", ["Write"], "access modes are"),
    Mutant("PersistentVolumeClaim", "gateway", "spec/resources/requests/storage", "10GB",
           "storage: 10GB is no quantity"),
    Mutant("PersistentVolumeClaim", "gateway", "spec/resources/requests/storage", ABSENT,
           "it asks for no storage"),
    Mutant("ServiceAccount", "ocr", "automountServiceAccountToken", ABSENT, "its token is mounted"),
    Mutant("PodDisruptionBudget", "ocr", "spec/unhealthyPodEvictionPolicy", "Always",
           "unhealthyPodEvictionPolicy is Always"),
    Mutant("HorizontalPodAutoscaler", "ocr", "spec/metrics/0/resource/name", "cpus",
           "it scales by cpus", "production"),
    Mutant("PriorityClass", "imagemesh", "value", 2_000_000_000, "the priority is", "production"),
]  # fmt: skip
SENSE = [
    ocr("spec/strategy/rollingUpdate/maxUnavailable", ABSENT, "must say both maxSurge and"),
    ocr(f"{POD}/securityContext/runAsGroup", 0, "it runs in the group of root"),
    ocr(f"{OCR}/imagePullPolicy", ABSENT, "it says no imagePullPolicy"),
    ocr(f"{OCR}/livenessProbe/failureThreshold", ABSENT, "says no failureThreshold"),
    ocr(f"{OCR}/readinessProbe/timeoutSeconds", 1, "waits for no busy process"),
    ocr(f"{OCR}/env/OCR_THREADS", ABSENT, "OCR_THREADS is not said"),
    ocr(f"{OCR}/env/OCR_HOST/value", "127.0.0.1", "it listens where nobody reaches it"),
    Mutant("Service", "envoy", "spec/ports/1", ABSENT, "no Service serves the port native"),
    Mutant("Service", "ocr", "spec/ports/1", ABSENT, "no Service serves the port metrics"),
    Mutant("Service", "gateway", "spec/clusterIP", ABSENT, "it must be headless"),
    ocr(f"{POD}/enableServiceLinks", ABSENT, "could be taken for settings"),
    ocr(f"{OCR}/env/OCR_DEVICE/value", "cuda", "it computes on cuda; it has no GPU"),
    ocr(f"{OCR}/env/OCR_DEVICE/value", "cpu", "it computes on cpu; it has a GPU", profile="gpu"),
    ocr(f"{OCR}/startupProbe/failureThreshold", 3, "it has 15 s to start"),
    ocr(f"{OCR}/readinessProbe/timeoutSeconds", 9, "asks again before it gave up"),
    ocr(f"{OCR}/readinessProbe/failureThreshold", 60, "killed before it is left alone"),
    ocr(f"{OCR}/volumeMounts/models/mountPath", "/weights", "where nothing is mounted",
        profile=ROUTES),
    Mutant("Deployment", "gateway", f"{POD}/securityContext/fsGroup", ABSENT, "it has no fsGroup"),
    Mutant("Deployment", "gateway", "spec/replicas", 2, "would share one file of SQLite"),
    Mutant("Deployment", "gateway", f"{POD}/containers/gateway/volumeMounts/data/mountPath", "/d",
           "/data/results, where nothing is mounted"),
    Mutant("Deployment", "gateway", f"{POD}/containers/gateway/volumeMounts/data/readOnly", "true",
           "/data/results, where nothing can be written"),
    Mutant("Deployment", "gateway",
           f"{POD}/containers/gateway/env/GATEWAY_REQUEST_TIMEOUT_S/value", "90",
           "its drain of 60 s cuts off requests of 90 s"),
    Mutant("Deployment", "gateway", f"{POD}/containers/gateway/env/GATEWAY_OCR_ADDRESS/value",
           "imagemesh-mesh:50053", "it looks for ocr at imagemesh-mesh:50053"),
    Mutant("Service", "ocr", "spec/ports/0/targetPort", "metrics", "sends grpc to metrics"),
    Mutant("ServiceMonitor", "ocr", "spec/endpoints/0/port", "grpc", "of grpc", ROUTES),
    Mutant("ServiceMonitor", "envoy", "spec/endpoints/0/path", "/metrics", "scrapes /metrics of",
           ROUTES),
    Mutant("ServiceMonitor", "ocr", "spec/endpoints/0/port", "web", "which no Service has", ROUTES),
    Mutant("GRPCRoute", "grpc", "spec/rules/0/backendRefs/0",
           {"name": "imagemesh-ocr", "port": 50052}, "is sent to imagemesh-ocr", ROUTES),
    Mutant("GRPCRoute", "grpc", "spec/rules/0/matches/0/method/service", "imagemesh.v1.Colorize",
           "GRPCRoute matches imagemesh.v1.Colorize", ROUTES),
    Mutant("HTTPRoute", "rest", "spec/rules/0/backendRefs/0/port", 80, "sends to", ROUTES),
    Mutant("ScaledObject", "ocr", "spec/scaleTargetRef/name", "x", "scales x, which is", ROUTES),
    Mutant("Deployment", "envoy", f"{POD}/containers/envoy/volumeMounts/tls/mountPath", "/tls",
           "Envoy reads /etc/envoy/tls/tls.crt, which is not in its pod"),
    Mutant("Deployment", "envoy", f"{POD}/containers/envoy/volumeMounts/1", ABSENT,
           "Envoy reads /etc/envoy/certificate.yaml, which is not in its pod"),
    Mutant("Deployment", "envoy", f"{POD}/containers/envoy/args/1", "/etc/envoy.yaml",
           "Envoy reads /etc/envoy.yaml, which is not in its pod"),
]  # fmt: skip
MUTANTS = [*SCHEMA, *PODS, *REFERENCES, *ENUMS, *SENSE]
