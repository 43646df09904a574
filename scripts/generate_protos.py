"""Generate the Python binding of the protos into protos/gen, or into a folder that is named."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PROTOS = ROOT / "protos"


def main() -> int:
    """Replace the binding in the folder of the first argument; return the exit code."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS / "gen"
    protos = sorted(str(path) for path in (PROTOS / "imagemesh").rglob("*.proto"))
    services = [path for path in protos if path.endswith("_service.proto")]
    # The old binding stays where making the new one fails.
    with TemporaryDirectory(dir=target) as made:
        new = Path(made)
        # Two runs: a message file would otherwise get an empty _pb2_grpc.py.
        failed = _protoc(protos, python=new, mypy=new) or _protoc(
            services, grpc_python=new, mypy_grpc=new
        )
        if not failed:
            shutil.rmtree(target / "imagemesh", ignore_errors=True)
            (new / "imagemesh").rename(target / "imagemesh")
    return failed


def _protoc(protos: list[str], **plugins: Path) -> int:
    includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    outputs = [
        f"--{name}_out={'quiet:' if 'mypy' in name else ''}{target}"
        for name, target in plugins.items()
    ]
    return int(protoc.main(["protoc", *includes, *outputs, *protos]))


if __name__ == "__main__":
    sys.exit(main())
