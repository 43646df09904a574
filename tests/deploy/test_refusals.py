"""Values that contradict the schema or each other are refused, and the notes explain the others."""

import pytest
from helm_python import Chart, HelmError

from scripts.render_base import CHART
from tests.deploy.objects import rendered

HPA = {"enabled": True}
KEDA = {"enabled": True}
DIGEST = f"sha256:{'0' * 64}"
SHARED: dict[str, object] = {"database": {"secret": "pg"}, "results": {"url": "s3://b/r"}}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"services": {"ocr": {"hpa": HPA, "keda": KEDA}}}, "ocr: hpa and keda are both enabled"),
        ({"services": {"ocr": {"keda": KEDA}}}, "set monitoring.prometheusUrl"),
        (
            {"services": {"ocr": {"hpa": {"enabled": True, "minReplicas": 7}}}},
            "minReplicas 7 is more than maxReplicas 6",
        ),
        (
            {"services": {"ocr": {"hpa": HPA, "gpu": {"enabled": True}}}},
            "ocr: hpa scales by processor time, which says nothing of a GPU",
        ),
        (
            {"services": {"ocr": {"gpu": {"enabled": True}, "image": {"digest": DIGEST}}}},
            "ocr: image.digest is that of the image for processors",
        ),
        (
            {"services": {"ocr": {"gpu": {"enabled": True, "resource": "amd.com/gpu"}}}},
            "ocr: gpu.resource amd.com/gpu: models compute on GPUs of NVIDIA alone",
        ),
        ({"gateway": {"replicas": 2}}, "2 replicas need gateway.database.secret"),
        ({"gateway": {"hpa": HPA}}, "6 replicas need gateway.database.secret"),
        (
            {"gateway": {"replicas": 2, "database": {"secret": "pg"}}},
            "and gateway.results.url, which all of them share",
        ),
        ({"gateway": {"results": {"secret": "aws"}}}, "gateway.results.url names none"),
        ({"worker": {"enabled": True}}, "worker.enabled needs gateway.database.secret"),
        ({"models": {"source": "image"}}, "needs models.image"),
        ({"models": {"source": "claim"}}, "needs models.claim"),
        ({"models": {"source": "pull"}}, "needs models.pull.mirror and models.pull.cidr"),
        (
            {"models": {"source": "pull", "pull": {"mirror": "http://m"}}},
            "services reach no address but that one",
        ),
        ({"tracing": {"percent": 1}}, "needs tracing.namespaceLabels"),
        ({"envoy": {"tlsSecret": ""}}, "envoy.enabled needs envoy.tlsSecret"),
        (
            {"envoy": {"certificate": {"issuerRef": {"name": "acme"}}}},
            "needs envoy.certificate.dnsNames",
        ),
        ({"ingress": {"enabled": True}}, "needs ingress.hostnames, and ingress.namespaceLabels"),
        ({"meshTls": {"issuerRef": {"name": "mesh"}}}, "meshTls.issuerRef needs meshTls.secret"),
        ({"gatewayApi": {"enabled": True}}, "needs gatewayApi.parentRefs"),
        (
            {"services": {"ocr": {"resources": {"requests": {"cpu": "2500m"}}}}},
            "ocr: resources.requests.cpu 2500m is more than resources.limits.cpu 2",
        ),
        (
            {"services": {"ocr": {"settings": {"MAX_CONCURRENT_RPCS": 205}}}},
            "ocr: resources.limits.memory 2Gi does not hold MAX_CONCURRENT_RPCS images, 2050 MiB",
        ),
        (
            {"gateway": {"settings": {"UPLOAD_MEMORY_MIB": 1024}}},
            "gateway: resources.limits.memory 2Gi does not hold MAX_IN_FLIGHT images",
        ),
        (
            {"envoy": {"resources": {"requests": {"memory": "9Mi"}, "limits": {"memory": "9Mi"}}}},
            "envoy: resources.limits.memory 9Mi does not hold its buffers",
        ),
        (
            {"gateway": {"settings": {"FETCH_TIMEOUT_S": 61}}},
            "FETCH_TIMEOUT_S 61 is more than lifecycle.requestTimeoutSeconds 60",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    values: dict[str, object], reason: str
) -> None:
    with pytest.raises(HelmError, match=reason.replace(".", r"\.").replace("+", r"\+")):
        rendered(values)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"replicas": 2}, "replicas"),
        ({"services": {"ocr": {"replicas": "2"}}}, "replicas"),
        ({"services": {"ocr": {"replicas": 0}}}, "replicas"),
        ({"services": {"ocr": {"settings": {"MAX_BACTH": 2}}}}, "MAX_BACTH"),
        ({"services": {"ocr": {"settings": {"NUDITY_THRESHOLD": 0.5}}}}, "NUDITY_THRESHOLD"),
        ({"services": {"ocr": {"settings": {"DRAIN_S": 5}}}}, "DRAIN_S"),
        ({"services": {"ocr": {"resources": {"limits": {"memory": "4GB"}}}}}, "memory"),
        ({"services": {"ocr": {"resources": {"limits": {"cpu": None}}}}}, "cpu"),
        ({"gateway": {"settings": {"ADMIN_TOKEN": "x"}}}, "ADMIN_TOKEN"),
        ({"monitoring": {"prometheusUrl": "prometheus"}}, "prometheusUrl"),
    ],
)
def test_values_outside_the_schema_are_refused(values: dict[str, object], place: str) -> None:
    with pytest.raises(HelmError, match=place):
        rendered(values)


def test_values_of_a_parent_chart_pass() -> None:
    assert rendered({"global": {"anything": 1}}) == rendered()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {},
            ["https://imagemesh-envoy.imagemesh", "imagemesh keys create", "SQLite on the volume"],
        ),
        ({"envoy": {"enabled": False}}, ["http://imagemesh-gateway.imagemesh:8080, without TLS"]),
        ({"networkPolicy": {"enabled": False}}, ["every pod of the cluster reaches the services"]),
        ({"gateway": {**SHARED, "replicas": 2}}, ["Each gateway counts rate limits for itself"]),
    ],
)
def test_the_notes_explain_the_values(values: dict[str, object], words: list[str]) -> None:
    with Chart.load(CHART) as chart:
        files = chart.render(values=values, name="imagemesh", namespace="imagemesh")

    notes = files["imagemesh/templates/NOTES.txt"]
    assert [word for word in words if word not in notes] == []
