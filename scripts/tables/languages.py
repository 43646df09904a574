"""Tables of the languages: how the ocr service reads each of them, and how well."""

import statistics
from collections.abc import Sequence

from benchmarks.reports import table
from ocr.languages import all_languages


def routes() -> str:
    """Return the error rates of all languages together, and of each."""
    languages = list(all_languages().values())
    summary = table(
        (f"{len(languages)} pages", "mean", "median", "at most 1 %", "at most 5 %"),
        [
            _summary("clean", [language.error_rate for language in languages]),
            _summary("photo", [language.photo_error_rate for language in languages]),
        ],
    )
    rows = [
        [
            *(f"`{one.code}`", f"`{one.tag}`", one.name, one.script, one.route),
            *(100 * one.error_rate, 100 * one.photo_error_rate),
        ]
        for one in languages
    ]
    head = ("code", "tag", "language", "script", "route", "clean", "photo")
    return f"{summary}\n\n{table(head, rows)}"


def _summary(name: str, rates: Sequence[float]) -> list[object]:
    good, fair = (sum(rate <= most for rate in rates) for most in (0.01, 0.05))
    return [name, 100 * statistics.fmean(rates), 100 * statistics.median(rates), good, fair]
