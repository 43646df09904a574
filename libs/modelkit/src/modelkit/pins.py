"""File `models.lock`: hashes of pulled models whose manifest names none (trust on first use)."""

from pathlib import Path

LOCK_FILE = "models.lock"


def read_pin(file: str, models_dir: Path) -> str | None:
    """Return the sha256 that a file of the models folder was pinned to; None where it was not.

    Args:
        file: Path below the models folder, with slashes.
        models_dir: The models folder; its lock has the format of `sha256sum`.
    """
    return _read(models_dir).get(file)


def write_pin(file: str, sha256: str, models_dir: Path) -> None:
    """Add a file to the lock; as `read_pin`."""
    pins = _read(models_dir) | {file: sha256}
    part = models_dir / f"{LOCK_FILE}.part"
    part.write_text("".join(f"{pins[name]}  {name}\n" for name in sorted(pins)), "utf-8")
    part.replace(models_dir / LOCK_FILE)


def _read(models_dir: Path) -> dict[str, str]:
    try:
        lines = (models_dir / LOCK_FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("  ", 1) for line in lines)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}  # noqa: PLR2004 - hash and name
