"""Values that the tests render: each profile, and each option that adds objects."""

from scripts.render_base import Object
from tests.deploy.objects import PROFILES, profile

EVERYTHING: Object = {
    "priorityClassName": "system-cluster-critical",
    "services": {
        "colorize": {"gpu": {"enabled": True, "runtimeClassName": "nvidia"}},
        "ocr": {"keda": {"enabled": True}},
        "vision": {"hpa": {"enabled": True}},
    },
    "gateway": {"admin": {"secret": "admin"}},
    "models": {
        "source": "pull",
        "pull": {"mirror": "https://m.example.org", "cidr": "10.1.2.3/32"},
    },
    "meshTls": {"secret": "imagemesh-mesh", "issuerRef": {"name": "mesh"}},
    "envoy": {"trustedHops": 1, "proxyProtocol": True, "requestsPerSecond": 50},
    "test": {"secret": "imagemesh-test"},
    "caBundle": {"configMap": "authorities"},
    "tracing": {
        "percent": 5,
        "namespaceLabels": {"a": "b"},
        "tls": True,
        "headers": {"secret": "imagemesh-traces"},
    },
    "ingress": {
        "enabled": True,
        "hostnames": ["a.example.org"],
        "tlsSecret": "imagemesh-tls",
        "namespaceLabels": {"a": "b"},
    },
    "gatewayApi": {
        "enabled": True,
        "parentRefs": [{"name": "edge"}],
        "namespaceLabels": {"a": "b"},
        "hostnames": ["a.example.org"],
    },
    "monitoring": {
        "serviceMonitors": True,
        "alerts": True,
        "dashboards": True,
        "prometheusUrl": "http://prometheus:9090",
        "prometheusAuth": {"name": "prometheus"},
    },
}
RENDERS = {
    **{name: profile(name) for name in ("default", *PROFILES)},
    "everything": EVERYTHING,
    "without-envoy": {"envoy": {"enabled": False}},
    "workers": {
        "gateway": {"database": {"secret": "imagemesh-database"}, "results": {"url": "s3://b/r"}},
        "worker": {"enabled": True, "keda": {"enabled": True}},
        "monitoring": {"serviceMonitors": True, "prometheusUrl": "http://prometheus:9090"},
    },
    "files": {
        **profile("production"),
        "gateway": {**profile("production")["gateway"], "secretsAsFiles": True},
    },
    "claim": {"models": {"source": "claim", "claim": "weights"}},
}
