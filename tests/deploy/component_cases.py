"""Cases of the values that gateway and Envoy share with the services, and of what is around."""

from tests.deploy.cases import ENVOY, GATEWAY, POD, Case, deployment

_DIGEST = f"sha256:{'0' * 64}"
_PORTS = [{"protocol": "TCP", "port": 5}]
_STORES = [{"to": [{"ipBlock": {"cidr": "10.9.9.9/32"}}], "ports": _PORTS}]
_SHARED = {"gateway.database.secret": "imagemesh-database", "gateway.results.url": "s3://b/r"}
_HPA = "spec/metrics/0/resource/target/averageUtilization"
_ADMIN = {"enabled": True, "secret": "imagemesh-rates", "key": "other"}
_TOLERATION = [{"key": "a", "operator": "Exists"}]
_ENV = f"{GATEWAY}/env"
_PROM: dict[str, object] = {
    "monitoring.dashboards": {"enabled": True, "labels": {"grafana_folder": "mesh"}}
}
_ROUTE = {
    "enabled": True,
    "parentRefs": [{"name": "edge"}],
    "namespaceLabels": {"a": "b"},
    "hostnames": ["a.example.org"],
}

_OF_ENVOY = [
    Case({"envoy.hpa": {"enabled": True, "minReplicas": 3}},
         ("HorizontalPodAutoscaler", "envoy", "spec/minReplicas"), 3),
    Case({"envoy.hpa": {"enabled": True, "maxReplicas": 9}},
         ("HorizontalPodAutoscaler", "envoy", "spec/maxReplicas"), 9),
    Case({"envoy.hpa": {"enabled": True, "cpuPercent": 55}},
         ("HorizontalPodAutoscaler", "envoy", _HPA), 55),
    Case({"envoy.image.digest": _DIGEST}, deployment("envoy", f"{ENVOY}/image"),
         f"envoyproxy/envoy@{_DIGEST}", "envoyproxy/envoy:v1.40.0"),
    Case({"envoy.image.repository": "mine/envoy"}, deployment("envoy", f"{ENVOY}/image"),
         "mine/envoy:v1.40.0", "envoyproxy/envoy:v1.40.0"),
    Case({"envoy.nodeSelector": {"a": "b"}}, deployment("envoy", f"{POD}/nodeSelector"),
         {"a": "b"}),
    Case({"envoy.replicas": 4, "envoy.pdb.maxUnavailable": 2},
         ("PodDisruptionBudget", "envoy", "spec/maxUnavailable"), 2, 1),
    Case({"envoy.resources.requests.memory": "300Mi"},
         deployment("envoy", f"{ENVOY}/resources/requests/memory"), "300Mi", "256Mi"),
    Case({"envoy.tmpSizeLimit": "65Mi"},
         deployment("envoy", f"{POD}/volumes/tmp/emptyDir/sizeLimit"), "65Mi", "64Mi"),
]  # fmt: skip
_OF_GATEWAY = [
    Case({**_SHARED, "gateway.hpa": {"enabled": True, "minReplicas": 3}},
         ("HorizontalPodAutoscaler", "gateway", "spec/minReplicas"), 3),
    Case({**_SHARED, "gateway.hpa": {"enabled": True, "maxReplicas": 9}},
         ("HorizontalPodAutoscaler", "gateway", "spec/maxReplicas"), 9),
    Case({**_SHARED, "gateway.hpa": {"enabled": True, "cpuPercent": 55}},
         ("HorizontalPodAutoscaler", "gateway", _HPA), 55),
    Case({**_SHARED, "gateway.replicas": 4, "gateway.pdb.maxUnavailable": 2},
         ("PodDisruptionBudget", "gateway", "spec/maxUnavailable"), 2),
    Case({"gateway.image.digest": _DIGEST}, deployment("gateway", f"{GATEWAY}/image"),
         f"imagemesh/gateway@{_DIGEST}", "imagemesh/gateway:0.1.0"),
    Case({"gateway.image.repository": "mine/gateway"}, deployment("gateway", f"{GATEWAY}/image"),
         "mine/gateway:0.1.0", "imagemesh/gateway:0.1.0"),
    Case({"gateway.podAnnotations": {"a": "b"}},
         deployment("gateway", "spec/template/metadata/annotations"), {"a": "b"}),
    Case({"gateway.resources.requests.memory": "600Mi"},
         deployment("gateway", f"{GATEWAY}/resources/requests/memory"), "600Mi", "512Mi"),
    Case({"gateway.tolerations": _TOLERATION}, deployment("gateway", f"{POD}/tolerations"),
         _TOLERATION),
    Case({"gateway.admin": _ADMIN},
         deployment("gateway", f"{_ENV}/GATEWAY_ADMIN_TOKEN/valueFrom/secretKeyRef/key"), "other"),
    Case({"gateway.rates.secret": "imagemesh-rates", "gateway.rates.key": "other"},
         deployment("gateway", f"{_ENV}/GATEWAY_RATE_URL/valueFrom/secretKeyRef/key"), "other"),
    Case({"gateway.webhooks.secret": "imagemesh-rates", "gateway.webhooks.key": "other"},
         deployment("gateway", f"{_ENV}/GATEWAY_WEBHOOK_SECRET/valueFrom/secretKeyRef/key"),
         "other"),
    Case({"gateway.egress.exceptIPv6": ["fc00::/7", "fe80::/10", "64:ff9b::/96"]},
         ("NetworkPolicy", "gateway", "spec/egress/4/to/1/ipBlock/except/2"), "64:ff9b::/96"),
    Case({"gateway.egress.stores": _STORES},
         ("NetworkPolicy", "gateway", "spec/egress/5/to/0/ipBlock/cidr"), "10.9.9.9/32"),
]  # fmt: skip
_AROUND = [
    Case({"gatewayApi.grpc": _ROUTE}, ("GRPCRoute", "grpc", "spec/hostnames"), ["a.example.org"]),
    Case({"gatewayApi.http": _ROUTE}, ("HTTPRoute", "rest", "spec/hostnames"), ["a.example.org"]),
    Case({"gatewayApi.http": _ROUTE, "lifecycle.requestTimeoutSeconds": 50},
         ("HTTPRoute", "rest", "spec/rules/0/timeouts/request"), "80s"),
    Case(_PROM, ("ConfigMap", "dashboards", "metadata/labels/grafana_folder"), "mesh"),
    Case({"networkPolicy.dns.namespaceLabels": {"kubernetes.io/metadata.name": "dns"}},
         ("NetworkPolicy", "envoy", "spec/egress/0/to/0/namespaceSelector/matchLabels"),
         {"kubernetes.io/metadata.name": "dns"}, {"kubernetes.io/metadata.name": "kube-system"}),
]  # fmt: skip
COMPONENT_CASES = [*_OF_ENVOY, *_OF_GATEWAY, *_AROUND]
