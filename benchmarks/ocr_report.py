"""Report of the OCR benchmark in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.reports import describe_machine, table

WORST = 7
AS_ACCURATE = 0.001  # of character error rate: one letter in a thousand more
HEAD = (
    *("set", "engine", "n", "mean CER %", "median CER %"),
    *("<= 1 %", "<= 5 %", "lines lost", "word F1", "CPU s"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """One image read by one engine: character error rate, word F1, CPU seconds, lines lost."""

    collection: str
    name: str
    engine: str
    cer: float
    f1: float
    cpu_s: float
    note: str = ""
    lost: int = 0


def ocr_report(results: Sequence[Result]) -> str:
    """Return a table of all sets, remarks, and the rates of every image."""
    sets = {
        name: [result for result in results if result.collection == name]
        for name in _unique(result.collection for result in results)
    }
    parts = [f"{describe_machine()} One thread."]
    parts.append(table(HEAD, [row for one in sets.values() for row in _summary(one)]))
    parts += [line for one in sets.values() for line in _remarks(one)]
    parts += [f"### {name}: CER %\n\n{_rates(one)}" for name, one in sets.items()]
    return "\n\n".join(parts)


def _summary(results: Sequence[Result]) -> Iterable[list[object]]:
    for engine in _unique(result.engine for result in results):
        own = [result for result in results if result.engine == engine]
        rates = [100 * result.cer for result in own]
        good = (sum(rate <= bar for rate in rates) for bar in (1, 5))
        f1, cpu_s = f"{mean(one.f1 for one in own):.3f}", mean(one.cpu_s for one in own)
        scores = mean(rates), median(rates), *good, sum(one.lost for one in own)
        yield [own[0].collection, engine, len(own), *scores, f1, cpu_s]


def _remarks(results: Sequence[Result]) -> list[str]:
    """Return the worst images of the first engine, and its pace."""
    engine = results[0].engine
    own = [result for result in results if result.engine == engine]
    worst = sorted(own, key=lambda result: result.cer, reverse=True)[:WORST]
    named = ", ".join(f"{result.name} {100 * result.cer:.1f}" for result in worst)
    return [f"Worst of {results[0].collection}, CER %: {named}.", *_pace(results, engine)]


def _pace(results: Sequence[Result], engine: str) -> list[str]:
    """Compare an engine's CPU seconds with those of the engines that read as well."""
    own = {result.name: result for result in results if result.engine == engine}
    others = [result for result in results if result.engine != engine]
    ratios: list[float] = []
    for name, mine in own.items():
        rivals = [
            other.cpu_s
            for other in others
            if other.name == name and other.cer <= mine.cer + AS_ACCURATE
        ]
        if rivals:
            ratios.append(mine.cpu_s / min(rivals))
    if not ratios:
        return []
    pace = f"{engine} takes {median(ratios):.2f} times the CPU of the fastest other engine"
    return [f"{pace} that reads as well; none does {len(own) - len(ratios)} of {len(own)}."]


def _rates(results: Sequence[Result]) -> str:
    engines = _unique(result.engine for result in results)
    by_key = {(result.name, result.engine): result for result in results}
    rows = []
    for name in _unique(result.name for result in results):
        row = [by_key.get((name, engine)) for engine in engines]
        note = next((result.note for result in row if result is not None), "")
        rows.append([name, *("" if one is None else 100 * one.cer for one in row), note])
    return table(["name", *engines, "note"], rows)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
