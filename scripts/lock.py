"""Pin what all members and the tools depend on in requirements.lock."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"

OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-annotate",
    "--custom-compile-command=make lock",
    # Installed on its own, because its builds for CPU and for CUDA share one version.
    "--no-emit-package=torch",
]


def main() -> int:
    """Write requirements.lock; return the exit code of the resolver."""
    wanted = "\n".join(sorted(_dependencies()))
    command = ["uv", "pip", "compile", *OPTIONS, "--output-file", str(LOCK), "-"]
    return subprocess.run(command, cwd=ROOT, input=wanted, text=True, check=False).returncode


def _dependencies() -> set[str]:
    wanted = set(_read(ROOT / "pyproject.toml")["dependency-groups"]["dev"])
    for path in ROOT.glob("*/**/pyproject.toml"):
        if ".venv" not in path.parts:
            wanted.update(_read(path)["project"]["dependencies"])
    return {name for name in wanted if not name.startswith("imagemesh-")}


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(path.read_text())


if __name__ == "__main__":
    sys.exit(main())
