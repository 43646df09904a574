"""Publish images that were built, or the chart: python -m scripts.release COMMAND --help."""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.release.chart import publish_chart
from scripts.release.images import Builder, Published, publish
from scripts.release.registry import reference, registry_on_loopback, run
from scripts.release.signing import Signer, throwaway_signer

_OUT = Path(".release")


def main() -> int:
    """Run a command."""
    arguments = _parser().parse_args()
    _OUT.mkdir(exist_ok=True)
    return int(arguments.command(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    commands = parser.add_subparsers(required=True)
    dry = commands.add_parser("dry-run", help="publish all to a registry on loopback and list it")
    images = commands.add_parser("images", help="push, attest and sign images of this machine")
    chart = commands.add_parser(
        "chart", help="sign the images and publish the chart that names them"
    )
    for command, function in ((dry, _dry_run), (images, _images), (chart, _chart)):
        command.set_defaults(command=function)
        command.add_argument("--version", required=True, help="of the release")
        command.add_argument("names", nargs="+", help="images, such as ocr or ocr-cuda")
    for command in (dry, images):
        command.add_argument("--with", dest="tool", default="podman", help="docker or podman")
    for command in (images, chart):
        command.add_argument("--registry", required=True, help="such as ghcr.io/OWNER")
    images.add_argument("--suffix", default="", help="of the tag, such as -amd64")
    return parser


def _images(arguments: argparse.Namespace) -> int:
    for name in arguments.names:
        remote = _image(arguments.registry, name, arguments.version) + arguments.suffix
        _show(remote, _publish(arguments, name, remote, Signer()), Signer())
    return 0


def _chart(arguments: argparse.Namespace) -> int:
    signer, digests = Signer(), {}
    for name in arguments.names:
        image = reference(_image(arguments.registry, name, arguments.version))
        signer.sign(image)
        digests[name] = image.partition("@")[2]
        _print(image)
    with TemporaryDirectory() as folder:
        _print(
            publish_chart(
                arguments.registry,
                arguments.version,
                digests,
                signer=signer,
                folder=Path(folder),
            )
        )
    return 0


def _dry_run(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        registry = stack.enter_context(registry_on_loopback(folder))
        signer = throwaway_signer(folder)
        if signer is None:
            _print("cosign is not installed: nothing is signed or attested")
        digests = {}
        for name in arguments.names:
            remote = _image(registry, name, arguments.version)
            published = _publish(arguments, name, remote, signer)
            run([arguments.tool, "rmi", remote])  # its registry ends with the dry run
            _show(remote, published, signer)
            digests[name] = published.image.reference.partition("@")[2]
        chart = publish_chart(registry, arguments.version, digests, signer=signer, folder=folder)
        _print(f"{registry}/charts/imagemesh:{arguments.version}\n  digest      {chart}")
        if signer:
            signer.verify(chart)
            _print("  signature   verified")
    return 0


def _image(registry: str, name: str, version: str) -> str:
    """Return the name of an image with its tag, which ends in -cuda where the name does."""
    member, dash, variant = name.partition("-")
    return f"{registry}/imagemesh/{member}:{version}{dash}{variant}"


def _publish(
    arguments: argparse.Namespace, name: str, remote: str, signer: Signer | None
) -> Published:
    environment = os.environ  # noqa: TID251 - CI tells its run there alone
    run_url = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"
    builder = Builder(
        tool=arguments.tool,
        commit=run(["git", "rev-parse", "HEAD"]).strip(),
        workflow=run_url.format_map(environment) if "GITHUB_RUN_ID" in environment else "",
    )
    local = _image("localhost", name, arguments.version)
    return publish(local, remote, builder=builder, signer=signer, folder=_OUT)


def _show(remote: str, published: Published, signer: Signer | None) -> None:
    """Print what was published, verified where the signer can."""
    image = published.image
    _print(f"{remote}\n  digest      {image.reference.partition('@')[2]}")
    _print(f"  size        {image.size_bytes / 1e6:.1f} MB compressed")
    for kind, path in published.statements.items():
        state = "not attested" if signer is None else "attested"
        if signer and signer.checks:
            signer.verify(image.reference, kind)
            state = "attested, verified"
        _print(f"  {kind:11} {path} ({path.stat().st_size:,} bytes): {state}")
    if signer and signer.checks:
        signer.verify(image.reference)
        _print("  signature   verified")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
