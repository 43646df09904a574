"""Install the Debian packages of a purpose, or print how to: install_packages.py PURPOSE.

The mesh runs without any of them, and the tests that need one skip; so a machine without apt or
without root still gets a mesh.
"""

import os
import shutil
import subprocess
import sys

from ocr.languages import debian_packages

PACKAGES = {
    "languages": tuple(debian_packages()),
    "fonts": (
        *("fonts-blankenburg", "fonts-ddc-uchen", "fonts-dejavu-core"),
        *("fonts-freefont-ttf", "fonts-khmeros", "fonts-lao", "fonts-liberation"),
        *("fonts-lklug-sinhala", "fonts-lohit-beng-bengali", "fonts-lohit-deva"),
        *("fonts-lohit-gujr", "fonts-lohit-guru", "fonts-lohit-knda", "fonts-lohit-mlym"),
        *("fonts-lohit-orya", "fonts-lohit-taml", "fonts-lohit-telu", "fonts-noto-cjk"),
        *("fonts-noto-core", "fonts-sil-abyssinica", "fonts-sil-padauk", "fonts-sil-scheherazade"),
        *("fonts-thai-tlwg-ttf", "fonts-tibetan-machine", "fonts-unfonts-core"),
    ),
    "tests": ("chromium", "poppler-utils", "postgresql", "prometheus", "redis-server"),
}
WITHOUT = {
    "languages": "The mesh runs without them and names the package when such a language is asked "
    "for. macOS: brew install tesseract-lang",
    "fonts": "Without them the OCR benchmark ends with the name of the missing font.",
    "tests": "Without them the tests that need one are skipped. "
    "macOS: brew install chromium poppler postgresql prometheus redis",
}


def main(purpose: str) -> int:
    """Install the missing packages; return 1 where apt fails, as on a machine without network."""
    missing = [name for name in PACKAGES[purpose] if not _is_installed(name)]
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if not missing:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.stderr.write(f"To install on Debian:\n  sudo {' '.join(install)}\n{WITHOUT[purpose]}\n")
        return 0
    # `env` adds one variable and keeps the rest, which apt needs.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    for command in (["apt-get", "update", "--quiet"], install):
        if subprocess.run([*quiet, *command], check=False).returncode:
            sys.stderr.write(f"{' '.join(command)} failed. {WITHOUT[purpose]}\n")
            return 1
    return 0


def _is_installed(name: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    if shutil.which("dpkg-query") is None:
        return False
    answer = subprocess.run(query, check=False, capture_output=True, text=True)
    return answer.stdout == "installed"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
