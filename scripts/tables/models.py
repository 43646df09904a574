"""Tables of all models, from the manifests."""

from benchmarks.reports import table
from modelkit.manifest import PROFILES, ModelEntry, candidates_of, load_manifest

SERVICES = ("colorize", "ocr", "vision")
HEAD = (
    *("model", "profile", "task", "size", "licence of code", "of weights", "training data"),
    *("published score", "measured here"),
)
BYTES_PER_MB = 1_000_000


def manifests() -> str:
    """Return the models of each service under its heading."""
    return "\n\n".join(
        f"## {service}\n\n{table(HEAD, [_row(entry) for entry in load_manifest(service)])}"
        for service in SERVICES
    )


def profiles() -> str:
    """Return the number and the size of the models of each profile."""
    entries = [entry for service in SERVICES for entry in load_manifest(service)]
    tasks = sorted({entry.task for entry in entries})
    rows = []
    for profile in reversed(PROFILES):
        chosen = [one for task in tasks for one in candidates_of(entries, task, profile)]
        unknown = sum(one.bytes is None for one in chosen)
        rest = f" and {unknown} of unknown size" if unknown else ""
        size = _megabytes(sum(one.bytes or 0 for one in chosen))
        rows.append((profile, len(chosen), size + rest))
    return table(("profile", "models", "files"), rows)


def _row(entry: ModelEntry) -> tuple[str, ...]:
    return (
        f"[`{entry.name}`](../{entry.card}) {entry.version}",
        entry.profile,
        entry.task,
        "unknown" if entry.bytes is None else _megabytes(entry.bytes),
        entry.code_licence or entry.licence,
        entry.licence,
        entry.trained_on or "not known",
        entry.published or "none cited",
        entry.measured or "not run here",
    )


def _megabytes(size: int) -> str:
    return f"{size / BYTES_PER_MB:.1f} MB"
