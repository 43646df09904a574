"""Publication of one image: push, SBOM, provenance, signature."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.release.registry import Inspected, inspect, is_loopback, run
from scripts.release.signing import Signer

_SBOM = "/opt/imagemesh/sbom.cdx.json"
_DEBIAN = "/var/lib/dpkg/status"

Json = dict[str, Any]  # Any: a JSON document


@dataclass(frozen=True, slots=True)
class Builder:
    """Where a release is built.

    Attributes:
        tool: docker or podman, which has the images.
        commit: of the sources.
        workflow: URL of the run in CI; empty on a developer's machine.
    """

    tool: str
    commit: str
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """Pushed image with the files that are attested for it."""

    image: Inspected
    statements: Mapping[str, Path]


def publish(
    local: str, remote: str, *, builder: Builder, signer: Signer | None, folder: Path
) -> Published:
    """Push a local image under its remote name, and sign and attest it there.

    Args:
        local: name of the image that was built.
        remote: its name with registry and tag.
        builder: where it was built.
        signer: None attaches nothing.
        folder: where SBOM and provenance are written.
    """
    run([builder.tool, "tag", local, remote])
    run([builder.tool, "push", *push_options(builder.tool, remote), remote])
    image = inspect(remote)
    stem = remote.rpartition("/")[2].replace(":", "-")
    documents = {
        "SBOM": software_bill(builder.tool, remote, folder),
        "provenance": provenance(image, builder),
    }
    statements = {kind: folder / f"{stem}.{kind.lower()}.json" for kind in documents}
    for kind, document in documents.items():
        statements[kind].write_text(json.dumps(document, indent=1))
    if signer:
        signer.sign(image.reference)
        for kind, path in statements.items():
            signer.attest(image.reference, kind, path)
    return Published(image, statements)


def push_options(tool: str, remote: str) -> list[str]:
    """Return what the tool must be told to push to a registry without TLS; docker knows it."""
    return ["--tls-verify=false"] if tool == "podman" and is_loopback(remote) else []


def software_bill(tool: str, name: str, folder: Path) -> Json:
    """Return the SBOM of an image in CycloneDX: its Python packages and those of Debian."""
    files = [folder / "sbom.cdx.json", folder / "dpkg-status"]
    container = run([tool, "create", name]).strip()
    try:
        for source, target in zip((_SBOM, _DEBIAN), files, strict=True):
            run([tool, "cp", f"{container}:{source}", str(target)])
    finally:
        run([tool, "rm", container])
    bill: Json = json.loads(files[0].read_text())
    bill["components"] += debian_components(files[1].read_text())
    return bill


def debian_components(status: str) -> list[Json]:
    """Return the CycloneDX components of a dpkg status file."""
    found = []
    for paragraph in status.strip().split("\n\n"):
        pairs = (line.partition(": ") for line in paragraph.splitlines() if line[:1].isalpha())
        fields = {key: value for key, _, value in pairs}
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        package = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={fields['Architecture']}"
        found.append(
            {
                "type": "library",
                "name": name,
                "version": version,
                "purl": package,
                "bom-ref": package,
            }
        )
    return found


def provenance(image: Inspected, builder: Builder) -> Json:
    """Return the predicate of SLSA provenance, version 1."""
    base, _, digest = image.labels.get("org.opencontainers.image.base.name", "").partition("@")
    sources: list[Json] = [{"name": "sources", "digest": {"gitCommit": builder.commit}}]
    if digest:
        sources.append({"name": base, "digest": {"sha256": digest.removeprefix("sha256:")}})
    return {
        "buildDefinition": {
            "buildType": "https://mobyproject.org/buildkit@v1",
            "externalParameters": {
                "configSource": {"path": "deploy/docker/Dockerfile"},
                "member": image.labels.get("org.opencontainers.image.title", ""),
            },
            "resolvedDependencies": sources,
        },
        "runDetails": {
            "builder": {"id": builder.workflow or f"local:{builder.tool}"},
            "metadata": {"finishedOn": datetime.now(UTC).isoformat(timespec="seconds")},
        },
    }
