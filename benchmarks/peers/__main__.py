"""Compare other model servers with ours around the same model: python -m benchmarks.peers.

    python -m benchmarks.peers setup [--peers NAME ...] [--torch-pip-args ARGS]
    python -m benchmarks.peers run --mode echo|classify|sleep|robustness [--peers NAME ...]

`setup` makes an environment for each peer, 1.2 GB each with torch. `run` prints a table; for the
first two, servers run on one core and the client on the others:

    echo        a model that computes nothing, a picture of 100 KB: what the server itself costs
    classify    the classifier of the vision service: how near the server comes to a bare loop
    sleep       a model of 60 ms and 5 ms an item, callers who come by chance: how long they wait
    robustness  poison, cancels, overload, death, hanging and SIGTERM: what becomes of requests
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import describe_machine
from benchmarks.peers import modes
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.environments import make_environment, packages_of, python_of
from benchmarks.peers.load import H2LOAD
from benchmarks.peers.processes import MALLOC

DEFAULT_CACHE = Path("~/.cache/imagemesh-benchmarks")
PACKAGES = ("grpcio", "numpy", "opencv-python-headless", "pillow", "torch", "uvloop")


def main() -> None:
    """Do what the command line says."""
    arguments = _parser().parse_args()
    cache = arguments.cache.expanduser()
    chosen = [one for one in PEERS if arguments.peers is None or one.name in arguments.peers]
    if arguments.command == "setup":
        for name in sorted({one.environment for one in chosen}):
            print(f"{name} ...", flush=True)
            make_environment(name, cache, torch_pip_args=arguments.torch_pip_args)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server is left behind
    for one in chosen:
        python_of(one, cache)  # which says what is missing, before anything is measured
    with TemporaryDirectory() as folder:
        run = modes.Run(chosen, cache, Path(folder), arguments.rounds, arguments.seconds)
        results = modes.MODES[arguments.mode](run)
    if arguments.json:
        figures = {
            **describe_machine(PACKAGES),
            "mode": arguments.mode,
            "client": "h2load" if H2LOAD else "Python",
            "malloc": MALLOC,
            "peers": {one.name: packages_of(one, cache) for one in chosen},
            "results": results,
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare other model servers with ours.")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="of the environments")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="make the environments")
    setup.add_argument("--torch-pip-args", default="", help="such as an index of CPU builds")
    run = commands.add_parser("run", help="measure")
    run.add_argument("--mode", choices=modes.MODES, required=True)
    run.add_argument("--rounds", type=int, default=10, help="turns of each server")
    run.add_argument("--seconds", type=float, help="length of a turn")
    run.add_argument("--json", type=Path, help="file to write the figures to")
    for command in (setup, run):
        command.add_argument("--peers", nargs="+", choices=[one.name for one in PEERS])
    return parser


if __name__ == "__main__":
    main()
