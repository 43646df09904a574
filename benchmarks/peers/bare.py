"""The bare loop over the model: nothing is received, waited for or sent.

    python -m benchmarks.peers.bare PICTURE

For the seconds that each line of stdin names, it reads the picture eight times, classifies the
eight together and begins anew; then it says how many pictures that were.
"""

import sys
from pathlib import Path
from time import monotonic

from benchmarks.peers.model import load_model
from benchmarks.peers.orders import BATCH, read_orders


def main() -> None:
    """Work for as long as somebody asks for it."""
    picture = Path(sys.argv[1]).read_bytes()
    model = load_model(read_orders())
    for line in sys.stdin:
        ends_s = monotonic() + float(line)
        pictures = 0
        while monotonic() < ends_s:
            model.answer_all([model.prepare(picture) for _ in range(BATCH)])
            pictures += BATCH
        print(pictures, flush=True)


if __name__ == "__main__":
    main()
