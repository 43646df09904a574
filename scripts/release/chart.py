"""Publication of the chart as an OCI artifact with the digests of its images."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from helm_python import package, push

from scripts.release.registry import is_loopback, reference
from scripts.release.signing import Signer
from scripts.render_base import CHART


def publish_chart(
    registry: str,
    version: str,
    digests: Mapping[str, str],
    *,
    signer: Signer | None,
    folder: Path,
) -> str:
    """Package the chart with `digests` by image name, push and sign it; return NAME@DIGEST."""
    copy = folder / "chart"
    shutil.copytree(CHART, copy)
    values = copy / "values.yaml"
    values.write_text(pinned_values(values.read_text(), registry, digests))
    archive = package(copy, destination=folder, version=version, app_version=version)
    push(archive, f"oci://{registry}/charts", plain_http=is_loopback(registry))
    pushed = reference(f"{registry}/charts/imagemesh:{version}")
    if signer:
        signer.sign(pushed)
    return pushed


def pinned_values(text: str, registry: str, digests: Mapping[str, str]) -> str:
    """Return the chart's values with a registry, and a digest for each image that has one.

    Raises:
        SystemExit: the values have no place for them.
    """
    changes = {r"^(  registry: )localhost\b": registry}
    for name, digest in digests.items():
        member, _, variant = name.partition("-")
        key = f"{variant}Digest" if variant else "digest"
        changes[rf'(repository: imagemesh/{member}, .*\b{key}: )""'] = f'"{digest}"'
    for pattern, value in changes.items():
        text, count = re.subn(pattern, rf"\g<1>{value}", text, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"values.yaml of the chart has {count} places like {pattern}, not 1")
    return text
