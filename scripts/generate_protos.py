"""Generate the Python binding of the protos into protos/gen, or into a folder that is named."""

import shutil
import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PROTOS = ROOT / "protos"


def main() -> int:
    """Replace the binding in the folder of the first argument; return the exit code."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS / "gen"
    shutil.rmtree(target / "imagemesh", ignore_errors=True)
    protos = sorted(str(path) for path in (PROTOS / "imagemesh").rglob("*.proto"))
    services = [path for path in protos if path.endswith("_service.proto")]
    # Two runs: a message file would otherwise get an empty _pb2_grpc.py.
    return _protoc(protos, python=target, mypy=target) or _protoc(
        services, grpc_python=target, mypy_grpc=target
    )


def _protoc(protos: list[str], **plugins: Path) -> int:
    includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    outputs = [
        f"--{name}_out={'quiet:' if 'mypy' in name else ''}{target}"
        for name, target in plugins.items()
    ]
    return int(protoc.main(["protoc", *includes, *outputs, *protos]))


if __name__ == "__main__":
    sys.exit(main())
