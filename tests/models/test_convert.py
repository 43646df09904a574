"""Conversion of published weights, which the build of an image runs with few packages."""

import subprocess
import sys

# What that build does not install: pyproject.toml, dependency group `convert`.
ABSENT = ("cv2", "grpc", "PIL.ImageFont", "rapidocr", "tesserocr")


def test_conversion_needs_no_more_than_its_packages() -> None:
    script = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); import models.convert"

    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)

    assert done.returncode == 0, done.stderr.decode()
