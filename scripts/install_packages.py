"""Install the Debian packages of a purpose, or say how to: install_packages.py PURPOSE.

The mesh runs without any of them, and the tests that need one skip; so a machine without apt or
without root still gets a mesh.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from ocr.languages import debian_packages


@dataclass(frozen=True, slots=True)
class Purpose:
    """What some packages are for, and what happens without them."""

    packages: tuple[str, ...]
    need: str
    without: str
    elsewhere: str


PURPOSES = {
    "languages": Purpose(
        tuple(debian_packages()),
        need="Some languages need Tesseract's data.",
        without="The mesh runs without it and names the package when such a language is asked for.",
        elsewhere="macOS: brew install tesseract-lang",
    ),
    "fonts": Purpose(
        ("fonts-blankenburg", "fonts-liberation", "fonts-noto-cjk", "fonts-noto-core"),
        need="The OCR benchmark renders pages in 102 languages.",
        without="The benchmark ends with the name of the missing font.",
        elsewhere="elsewhere: point FONTS_DIR of benchmarks/pages.py at Noto and Liberation",
    ),
    "tests": Purpose(
        ("chromium", "poppler-utils", "postgresql", "prometheus", "redis-server"),
        need="Some tests drive a browser and real databases, read PDFs and try alerts.",
        without="The tests that need a missing one are skipped.",
        elsewhere="macOS: brew install chromium poppler postgresql prometheus redis",
    ),
}


def main() -> int:
    """Install what is missing; return 0 where nothing more can be done from here."""
    parser = argparse.ArgumentParser(description="Install the Debian packages of a purpose.")
    parser.add_argument("purpose", choices=PURPOSES)
    purpose = PURPOSES[parser.parse_args().purpose]
    missing = [name for name in purpose.packages if not _is_installed(name)]
    if not missing:
        return 0
    if shutil.which("apt-get") is None:
        _say(purpose.need, f"This is no Debian or Ubuntu ({purpose.elsewhere}).", purpose.without)
        return 0
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        _say(purpose.need, f"To install:\n  sudo {' '.join(install)}", purpose.without)
        return 0
    return _apt(install, purpose)


def _say(*sentences: str) -> None:
    sys.stderr.write("\n".join(sentences) + "\n")


def _apt(install: list[str], purpose: Purpose) -> int:
    """Install, and return 1 with a message where that fails, as on a machine without network."""
    # `env` adds one variable and keeps the rest, which apt needs.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    try:
        subprocess.run([*quiet, "apt-get", "update", "--quiet"], check=True)
        subprocess.run([*quiet, *install], check=True)
    except subprocess.CalledProcessError as error:
        _say(f"apt-get ended with {error.returncode}.", purpose.without, "Run it again to retry.")
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
