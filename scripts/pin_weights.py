"""Write size and sha256 of the weights that ship with the services into their models.toml."""

import hashlib
import re
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The lines of one entry, in the order that every models.toml has them.
_PINNED = re.compile(
    r'^file = "(?P<file>weights/[^"]+)"\nsha256 = "[0-9a-f]{64}"\nbytes = [0-9_]+$', re.MULTILINE
)


def main() -> int:
    """Pin every service's own weights; run it after a training has written new ones."""
    for manifest in sorted(ROOT.glob("services/*/src/*/models.toml")):
        manifest.write_text(_PINNED.sub(partial(_pin, manifest.parent), manifest.read_text()))
    return 0


def _pin(folder: Path, match: re.Match[str]) -> str:
    name = match["file"]
    content = (folder / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f'file = "{name}"\nsha256 = "{digest}"\nbytes = {len(content)}'


if __name__ == "__main__":
    sys.exit(main())
