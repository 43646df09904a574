"""The base is what the chart renders, and every overlay what its profile renders."""

import pytest

from scripts.render_base import BASE, base_files
from tests.deploy.objects import PROFILES, comparable, kustomized, profile, rendered

NAMESPACE = ("Namespace", "imagemesh")  # Helm makes it by --create-namespace


def test_the_base_is_what_the_chart_renders() -> None:
    written = {path.name: path.read_text() for path in BASE.glob("*.yaml")}

    assert written == dict(base_files()), "run `make base`"


@pytest.mark.parametrize("name", PROFILES)
def test_an_overlay_of_kustomize_is_a_profile_of_helm(name: str) -> None:
    overlay = comparable(kustomized(f"overlays/{name}"))

    namespace = overlay.pop(NAMESPACE, None)

    assert overlay == comparable(rendered(profile(name)))
    assert (namespace is not None) == (name == "production")


def test_production_holds_its_pods_to_the_restricted_standard() -> None:
    parts = kustomized("overlays/production")

    namespace = next(part for part in parts if part["kind"] == "Namespace")
    assert namespace["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    assert {
        part["metadata"].get("namespace") for part in parts if part["kind"] == "Deployment"
    } == {"imagemesh"}
