"""Install the Debian packages with Tesseract's language data, or say how to.

Half of the languages need none; so a machine without apt or without root still gets a mesh.
"""

import os
import shutil
import subprocess
import sys

from ocr.languages import debian_packages


def main() -> int:
    """Install what is missing; return 0 where nothing more can be done from here."""
    missing = [name for name in debian_packages() if not _is_installed(name)]
    if not missing:
        return 0
    if shutil.which("apt-get") is None:
        sys.stderr.write(
            "This is no Debian or Ubuntu: some languages need Tesseract's data, which the package\n"
            "manager has (macOS: brew install tesseract-lang). The mesh runs without it.\n"
        )
        return 0
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        sys.stderr.write(
            f"Some languages need Tesseract's data. To install it:\n  sudo {' '.join(install)}\n"
            "The mesh runs without it and names the package when such a language is asked for.\n"
        )
        return 0
    return _apt(install)


def _apt(install: list[str]) -> int:
    """Install, and return 1 with a message where that fails, as on a machine without network."""
    # `env` adds one variable and keeps the rest, which apt needs.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        subprocess.run([*quiet, "apt-get", "update", "--quiet"], check=True)
        subprocess.run([*quiet, *install], check=True)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"apt-get ended with {error.returncode}; the mesh runs, but without the languages\n"
            "that need Tesseract's data. `make setup` tries again.\n"
        )
        return 1
    return 0


def _is_installed(name: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    if shutil.which("dpkg-query") is None:
        return False
    answer = subprocess.run(query, check=False, capture_output=True, text=True)
    return answer.stdout == "installed"


if __name__ == "__main__":
    sys.exit(main())
