"""Release of images and chart: contents of the SBOM, digests in the values, and the workflow."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from scripts.release.chart import pinned_values, publish_chart
from scripts.release.images import Builder, debian_components, provenance
from scripts.release.registry import Inspected, registry_on_loopback, repository
from scripts.render_base import CHART, ROOT, render
from tests.deploy.objects import pod_of

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
DIGEST = f"sha256:{'1' * 64}"
CUDA_DIGEST = f"sha256:{'2' * 64}"
MEMBERS = ("gateway", "colorize", "ocr", "vision")


def test_sbom_lists_the_installed_packages_of_debian() -> None:
    status = (
        "Package: libc++\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2+b1\n"
        "Description: one\n two: 3\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )

    (found,) = debian_components(status)

    assert (found["name"], found["version"]) == ("libc++", "1:2+b1")
    assert found["purl"] == "pkg:deb/debian/libc%2B%2B@1%3A2%2Bb1?arch=amd64"


def test_provenance_names_commit_and_base() -> None:
    labels = {"org.opencontainers.image.base.name": f"registry.test/python@{DIGEST}"}
    image = Inspected("registry.test/imagemesh/ocr@sha256:0", 1, labels)

    document = provenance(image, Builder("docker", "abc", "https://ci.test/1"))

    assert document["runDetails"]["builder"]["id"] == "https://ci.test/1"
    assert document["buildDefinition"]["resolvedDependencies"] == [
        {"name": "sources", "digest": {"gitCommit": "abc"}},
        {"name": "registry.test/python", "digest": {"sha256": "1" * 64}},
    ]


@pytest.mark.parametrize(
    "name", ["127.0.0.1:1/a/b:1", f"127.0.0.1:1/a/b@{DIGEST}", "127.0.0.1:1/a/b"]
)
def test_repository_is_a_name_without_tag_and_digest(name: str) -> None:
    assert repository(name) == "127.0.0.1:1/a/b"


def test_released_values_name_registry_and_digests() -> None:
    digests = {**dict.fromkeys(MEMBERS, DIGEST), "ocr-cuda": CUDA_DIGEST}
    text = pinned_values((CHART / "values.yaml").read_text(), "registry.test/o", digests)
    values = yaml.safe_load(text)
    ocr = values["services"]["ocr"]
    ocr["gpu"] = {**ocr["gpu"], "enabled": True}  # an anchor shares it with the other services

    images = {
        container["image"]
        for parts in render(values).values()
        for part in parts
        if part["kind"] == "Deployment"
        for container in pod_of(part)["containers"]
    }
    pinned = dict.fromkeys(MEMBERS, DIGEST) | {"ocr": CUDA_DIGEST}
    assert images >= {f"registry.test/o/imagemesh/{name}@{pinned[name]}" for name in pinned}


def test_values_without_a_place_for_a_digest_end_the_release() -> None:
    with pytest.raises(SystemExit, match="0 places"):
        pinned_values("image:\n  registry: localhost\n", "registry.test", {"ocr": DIGEST})


def test_chart_is_published_to_a_registry_on_loopback(tmp_path: Path) -> None:
    if not all(map(shutil.which, ("docker-registry", "skopeo"))):
        pytest.skip("docker-registry and skopeo are not on this machine")

    with registry_on_loopback(tmp_path) as registry:
        digests = {"gateway": DIGEST}
        pushed = publish_chart(registry, "0.1.0", digests, signer=None, folder=tmp_path)

    assert re.fullmatch(rf"{registry}/charts/imagemesh@sha256:[0-9a-f]{{64}}", pushed)


def test_workflow_builds_every_image_and_pins_its_actions() -> None:
    text = WORKFLOW.read_text()
    jobs = yaml.safe_load(text)["jobs"]
    matrix = jobs["image"]["strategy"]["matrix"]
    published = jobs["chart"]["steps"][-1]["run"].split()

    assert matrix["arch"] == ["amd64", "arm64"]
    assert set(matrix["name"]) == {*MEMBERS, *(f"{name}-cuda" for name in MEMBERS[1:])}
    assert set(matrix["name"]) <= set(published)
    used = re.findall(r"uses: \S+@(\S+)", text)
    assert used
    assert all(re.fullmatch(r"[0-9a-f]{40}", revision) for revision in used)
