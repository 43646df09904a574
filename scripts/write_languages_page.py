"""Write docs/languages.md: how the ocr service reads each language, and how well."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from ocr.languages import Language, all_languages

PAGE = Path(__file__).parents[1] / "docs" / "languages.md"

HEAD = """# Languages

How the ocr service reads each of its languages, and how well.
Error rates are of characters, in percent, on one page a language: a part of the Universal \
Declaration of Human Rights, rendered (`benchmarks/pages.py`) and then photographed \
(`benchmarks/distortion.py`: tilt, perspective, 124 dpi, blur, shade, noise, JPEG 55).
A clean page of one column is read without the detector, by Tesseract at once where it is sure \
(`tesseract-page`), and else by the route, row by row; the clean rates are of that.
The routes and some rules of spelling were chosen on these same pages, and the Declaration is \
probably in the engines' training data: expect more errors on other pages; \
[the ocr service](../services/ocr/README.md#measured) tells what other texts and fonts give.

`python -m benchmarks.routes` measures them and writes `routes.tsv` of the service; this page is \
written from that by `make docs`, do not edit it.
"""


def languages_page() -> str:
    """Return the page."""
    languages = list(all_languages().values())
    return "\n".join(
        [
            HEAD,
            f"| {len(languages)} pages | mean | median | at most 1 % | at most 5 % |",
            "| --- | --- | --- | --- | --- |",
            _summary("clean", [language.error_rate for language in languages]),
            _summary("photo", [language.photo_error_rate for language in languages]),
            "",
            "| code | tag | language | script | route | clean | photo |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *map(_row, languages),
            "",
        ]
    )


def _summary(name: str, rates: Sequence[float]) -> str:
    mean, median = statistics.fmean(rates), statistics.median(rates)
    good, fair = (sum(rate <= most for rate in rates) for most in (0.01, 0.05))
    return f"| {name} | {100 * mean:.2f} | {100 * median:.2f} | {good} | {fair} |"


def _row(language: Language) -> str:
    return (
        f"| `{language.code}` | `{language.tag}` | {language.name} | {language.script} "
        f"| {language.route} | {100 * language.error_rate:.2f} "
        f"| {100 * language.photo_error_rate:.2f} |"
    )


if __name__ == "__main__":
    PAGE.write_text(languages_page())
