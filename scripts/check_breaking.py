"""Fail where the protos break the contract of the main branch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAIN_BRANCHES = ("origin/main", "main")  # a clone has the first, the work on main itself the second


def main() -> int:
    """Compare the protos with those of main; return buf's exit code, 0 where main has none."""
    for branch in MAIN_BRANCHES:
        commit = _git("rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}")
        if commit and _git("ls-tree", commit, "buf.yaml"):
            return subprocess.run(
                ["buf", "breaking", "--against", f".git#ref={commit}"], cwd=ROOT, check=False
            ).returncode
    print("the main branch has no protos yet: nothing to compare with")
    return 0


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return answer.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
