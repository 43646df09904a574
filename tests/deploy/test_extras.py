"""Values that reach into the pods: every component takes them, and the result is valid."""

import pytest

from scripts.render_base import Object
from tests.deploy.objects import environment, of_kind, one, pod_of, rendered
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


def test_a_platform_may_choose_the_user() -> None:
    for deployment in of_kind(rendered({"runAsUser": None}), "Deployment"):
        security = pod_of(deployment)["securityContext"]
        assert security["runAsNonRoot"] is True
        assert not security.keys() & {"runAsUser", "runAsGroup", "fsGroup"}


@pytest.mark.parametrize(("key", "on_gpu"), [("digest", False), ("cudaDigest", True)])
def test_a_digest_names_an_image_alone(key: str, on_gpu: bool) -> None:  # noqa: FBT001 - a parameter of the test
    digest = f"sha256:{'0' * 64}"
    ocr = {"image": {key: digest}, "gpu": {"enabled": on_gpu}}
    (container,) = pod_of(one(rendered({"services": {"ocr": ocr}}), "Deployment", "ocr"))[
        "containers"
    ]

    assert container["image"] == f"localhost/imagemesh/ocr@{digest}"
