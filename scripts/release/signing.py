"""Signatures and attestations by cosign."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from scripts.release.registry import is_loopback, run

KINDS = {"SBOM": "cyclonedx", "provenance": "slsaprovenance1"}


@dataclass(frozen=True, slots=True)
class Signer:
    """cosign with a key, or with the identity of the workflow that runs it.

    Attributes:
        options: of `cosign sign` and `cosign attest`.
        checks: of `cosign verify`; empty where only others can verify.
        program: how cosign is called.
    """

    options: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    program: tuple[str, ...] = ("cosign",)

    def sign(self, reference: str) -> None:
        """Sign an image or a chart, NAME@DIGEST."""
        run([*self.program, "sign", "--yes", *self.options, *_transport(reference), reference])

    def attest(self, reference: str, kind: str, predicate: Path) -> None:
        """Attach a signed statement, of a kind of `KINDS`, to an image."""
        about = ["--type", KINDS[kind], "--predicate", str(predicate)]
        options = [*self.options, *_transport(reference)]
        run([*self.program, "attest", "--yes", *about, *options, reference])

    def verify(self, reference: str, kind: str | None = None) -> None:
        """Check the signature, or the statement of a kind.

        Raises:
            SystemExit: it does not hold.
        """
        command = ["verify-attestation", "--type", KINDS[kind]] if kind else ["verify"]
        run([*self.program, *command, *self.checks, *_transport(reference), reference])


def throwaway_signer(folder: Path) -> Signer | None:
    """Return a signer with a new key that is in no transparency log; None without cosign."""
    if shutil.which("cosign") is None:
        return None
    config = folder / "signing-config.json"
    config.write_text(
        json.dumps({"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"})
    )
    program = ("env", "COSIGN_PASSWORD=", "cosign")
    run([*program, "generate-key-pair"], cwd=folder)
    return Signer(
        program=program,
        options=("--key", str(folder / "cosign.key"), "--signing-config", str(config)),
        checks=("--key", str(folder / "cosign.pub"), "--insecure-ignore-tlog"),
    )


def _transport(reference: str) -> list[str]:
    return ["--allow-http-registry"] if is_loopback(reference) else []
