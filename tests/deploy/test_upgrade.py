"""An upgrade from the chart before this one, and back, changes nothing that is immutable."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from helm_python import Chart

from scripts.render_base import ROOT, Object
from tests.deploy.objects import PROFILES, key_of, rendered

# The chart before this one; a release puts its own commit here.
PREVIOUS = "f0efba2b91e877caa65a7a4e17e622112bb0f868"
FOLDERS = ("deploy/k8s/chart", "deploy/k8s/profiles", "deploy/envoy", "deploy/telemetry")


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder deploy/k8s of the chart before this one; skip where the clone has no history."""
    command = ["git", "archive", PREVIOUS, *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip("the history is not in this clone")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="tar")
    return folder / "deploy" / "k8s"


@pytest.mark.parametrize("profile", ["default", *PROFILES])
def test_values_of_the_previous_chart_upgrade_and_roll_back(previous: Path, profile: str) -> None:
    path = previous / "profiles" / f"{profile}.yaml"
    values: Object = yaml.safe_load(path.read_text()) if path.exists() else {}
    with Chart.load(previous / "chart") as chart:
        files = chart.render(values=values, name="imagemesh", namespace="imagemesh")

    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    before = immutable([part for text in texts for part in yaml.safe_load_all(text) if part])

    assert before
    assert before.items() <= immutable(rendered(values)).items()


# Fields that an API server refuses to change, or whose change would lose a volume.
IMMUTABLE = {
    "Deployment": ("selector",),
    "Service": ("clusterIP", "selector"),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "resources"),
}


def immutable(parts: list[Object]) -> dict[tuple[str, str], list[object]]:
    """Return the immutable fields of objects by kind and name."""
    return {
        key_of(part): [part["spec"].get(field) for field in IMMUTABLE[part["kind"]]]
        for part in parts
        if part["kind"] in IMMUTABLE
    }
