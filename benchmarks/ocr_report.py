"""What the OCR benchmark found, as JSON and as tables in Markdown."""

import json
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from statistics import mean, median

WORST = 7
AS_ACCURATE = 0.001  # of character error rate: one letter in a thousand more


@dataclass(frozen=True, slots=True)
class Result:
    """One picture read by one engine.

    Attributes:
        collection: the set that the picture is from.
        name: the code of a rendered page's language, else the file.
        engine: who read it.
        cer: character error rate, at least 0.
        f1: word F1, in [0, 1].
        cpu_s: CPU seconds.
        note: what else is worth knowing, such as the route.
    """

    collection: str
    name: str
    engine: str
    cer: float
    f1: float
    cpu_s: float
    note: str = ""


def write_report(folder: Path, results: Sequence[Result]) -> str:
    """Write ocr.json and ocr.md, and return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"machine": _machine(), "commit": _commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    rows = [asdict(result) for result in results]
    (folder / "ocr.json").write_text(json.dumps({**told, "results": rows}, indent=1) + "\n")
    head = f"{told['machine']}, one thread, commit {told['commit']}, {told['date']}.\n"
    parts = [head, _summary(results)]
    parts += [
        _table(collection, [result for result in results if result.collection == collection])
        for collection in _unique(result.collection for result in results)
    ]
    text = "\n".join(parts)
    (folder / "ocr.md").write_text(text, "utf-8")
    return text


def _summary(results: Sequence[Result]) -> str:
    lines = [
        "| set | engine | n | mean CER % | median CER % | <= 1 % | <= 5 % | word F1 | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    worst = []
    for collection in _unique(result.collection for result in results):
        mine = [result for result in results if result.collection == collection]
        for engine in _unique(result.engine for result in mine):
            own = [result for result in mine if result.engine == engine]
            rates = [100 * result.cer for result in own]
            lines.append(
                f"| {collection} | {engine} | {len(own)} | {mean(rates):.2f} | {median(rates):.2f} "
                f"| {sum(rate <= 1 for rate in rates)} | {sum(rate <= 5 for rate in rates)} "  # noqa: PLR2004 - as the head of the table says
                f"| {mean(r.f1 for r in own):.3f} | {mean(r.cpu_s for r in own):.2f} |"
            )
            if engine == mine[0].engine:
                last = sorted(own, key=lambda result: result.cer, reverse=True)[:WORST]
                named = ", ".join(f"{result.name} {100 * result.cer:.1f}" for result in last)
                worst.append(f"Worst of {collection}, CER %: {named}.")
                worst += _pace(mine, engine)
    return "\n".join([*lines, "", *worst, ""])


def _pace(results: Sequence[Result], engine: str) -> list[str]:
    """Compare an engine's CPU seconds with those of others, where one of them reads as well."""
    own = {result.name: result for result in results if result.engine == engine}
    others = [result for result in results if result.engine != engine]
    ratios: dict[str, float] = {}
    for name, mine in own.items():
        rivals = [
            other.cpu_s
            for other in others
            if other.name == name and other.cer <= mine.cer + AS_ACCURATE
        ]
        if rivals:
            ratios[name] = mine.cpu_s / min(rivals)
    if not ratios:
        return []
    pace = f"{engine} takes {median(ratios.values()):.2f} times the CPU of the fastest other engine"
    return [f"{pace} that reads as well; none does {len(own) - len(ratios)} of {len(own)}."]


def _table(collection: str, results: Sequence[Result]) -> str:
    engines = _unique(result.engine for result in results)
    by_key = {(result.name, result.engine): result for result in results}
    lines = [
        f"### {collection}: CER %\n",
        f"| name | {' | '.join(engines)} | note |",
        "|---" * (len(engines) + 2) + "|",
    ]
    for name in _unique(result.name for result in results):
        row = [by_key.get((name, engine)) for engine in engines]
        cells = ["" if result is None else f"{100 * result.cer:.2f}" for result in row]
        note = next((result.note for result in row if result is not None), "")
        lines.append(f"| {name} | {' | '.join(cells)} | {note} |")
    return "\n".join([*lines, ""])


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.is_file() else None
    return f"{found[1] if found else platform.processor()}, {cpu_count()} cores"


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    return answer.stdout.strip() or "unknown"
