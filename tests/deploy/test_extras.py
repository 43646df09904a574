"""Values that reach into the pods: every component takes them, and the result is valid."""

import pytest

from scripts.render_base import Object
from tests.deploy.objects import environment, of_kind, pod_of, rendered
from tests.deploy.test_schemas import FLOOR, TOP, schema_faults

EXTRAS: Object = {
    "podLabels": {"team": "images"},
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/private-ca"}],
}
VALUES: Object = {
    "services": dict.fromkeys(("colorize", "ocr", "vision"), EXTRAS),
    "gateway": {**EXTRAS, "database": {"secret": "pg"}, "results": {"url": "s3://b/r"}},
    "worker": {**EXTRAS, "enabled": True},
    "nats": EXTRAS,
    "envoy": EXTRAS,
}


def test_every_component_takes_them() -> None:
    parts = rendered(VALUES)

    deployments = of_kind(parts, "Deployment")
    assert len(deployments) == 7
    for deployment in deployments:
        pod = pod_of(deployment)
        (container,) = pod["containers"]
        assert deployment["spec"]["template"]["metadata"]["labels"]["team"] == "images"
        assert pod["affinity"] == EXTRAS["affinity"]
        assert environment(container)["HTTPS_PROXY"] == "http://proxy:3128"
        assert EXTRAS["extraVolumes"][0] in pod["volumes"]
        assert EXTRAS["extraVolumeMounts"][0] in container["volumeMounts"]
    accounts = of_kind(parts, "ServiceAccount")
    annotations = [account["metadata"]["annotations"] for account in accounts]
    assert annotations == [EXTRAS["serviceAccount"]["annotations"]] * 7
    assert [schema_faults(parts, version) for version in (FLOOR, TOP)] == [[], []]


@pytest.mark.parametrize("digest", ["", f"sha256:{'0' * 64}"])
def test_a_service_on_a_gpu_has_the_image_with_cuda(digest: str) -> None:
    image = {"repository": "imagemesh/ocr", "digest": digest}
    parts = rendered({"services": {"ocr": {"image": image, "gpu": {"enabled": True}}}})

    images = {
        container["image"]
        for deployment in of_kind(parts, "Deployment")
        for container in pod_of(deployment)["containers"]
    }
    name = "localhost/imagemesh/ocr"
    expected = f"{name}@{digest}" if digest else f"{name}:0.1.0-cuda"
    assert expected in images
    assert {name for name in images if "cuda" in name} <= {expected}
