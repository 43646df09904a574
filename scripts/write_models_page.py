"""Write docs/models.md from the manifests: the one table of all models."""

from collections.abc import Sequence
from pathlib import Path

from modelkit.manifest import PROFILES, ModelEntry, candidates_of, load_manifest

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
SERVICES = ("colorize", "ocr", "vision")
BYTES_PER_MB = 1_000_000

HEAD = """# Models

Every model that a service can use, as its `models.toml` has it.
This page is written by `make docs` from the manifests; do not edit it.

```sh
imagemesh models list
imagemesh models pull --profile standard                    # or full
imagemesh models pull --profile standard --task emotions
imagemesh doctor
```

`pull` shows sizes and licences first and goes on where a connection broke; \
`IMAGEMESH_MODELS_MIRROR` stands in for every download.
A model without a hash in its manifest is trusted at its first pull and pinned in `models.lock` \
of the models folder (`sha256sum --check models.lock` reads it); `--require-hashes` refuses it.
Another file of the same name is refused from then on, until its line is removed.
Without a name and without `--profile`, only models with a hash are pulled.

A profile means the best model of each task up to it; `auto`, the default of a service, takes the \
best that is installed.
Scores of different rows were not measured on the same images and cannot be compared.
"Not run here" means that no machine of this project had the file, and the published score is \
the authors' claim; the tests run a graph of the same signature for all but the medium PP-OCRv6.
The licence of the weights does not settle what the terms of the training data mean for you.
PaddleOCR's weights carry the tag Apache-2.0 on their hub, and no file of the licence beside them.
"""

SIZES = """
## Sizes

| profile | models | files |
| --- | --- | --- |
"""

MEMORY = """
## Memory and time

Each file is loaded once in each replica of its service.
Where a model was not measured, these formulas stand for it; what they rest on was measured with \
random weights, which cost what others do ([figures](../models/published/README.md#cost)).

| file | a replica keeps | while it opens |
| --- | --- | --- |
| graph (ONNX) | at least 1 x file, and what one image takes; not measured | not measured |
| weights of a published network, over 100 MB | 2.5 to 4 x file | 3.4 to 5.7 x file |
| the same, smaller | 4.3 x file | 4.3 x file |

| model | billion products for an image | CPU seconds of one core |
| --- | --- | --- |
| `marqo-nsfw-384` | 4.7 | 0.12 |
| `siggraph17` | 75 | 1.4 |
| `ddcolor-modelscope` | 256 | 5.8 |
| `distilbart-cnn-6-6`, a summary of a long text | not counted | 9.6 |
| another one | P | P / 53 to P / 39 |

By that formula `vit-base-nsfw-detector`, of 55 billion products, takes 1.0 to 1.4 seconds; it was \
not measured.
So a replica of colorize needs 0.6 GB with `standard` and 2.3 GB with `full`, 0.8 GB and 3.2 GB \
while it starts, beside its images.
`imagemesh doctor` prints the milliseconds of every installed model.
"""


def models_page() -> str:
    """Return the page."""
    entries = [entry for service in SERVICES for entry in load_manifest(service)]
    tables = "".join(_table(service) for service in SERVICES)
    sizes = "".join(_size(entries, profile) for profile in reversed(PROFILES))
    return HEAD + tables + SIZES + sizes + MEMORY


def _table(service: str) -> str:
    head = (
        "| model | profile | task | size | licence of code | of weights | training data "
        "| published score | measured here |\n" + "| --- " * 9 + "|\n"
    )
    return f"\n## {service}\n\n{head}" + "".join(map(_row, load_manifest(service)))


def _row(entry: ModelEntry) -> str:
    cells = (
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
    return "| " + " | ".join(cells) + " |\n"


def _size(entries: Sequence[ModelEntry], profile: str) -> str:
    tasks = sorted({entry.task for entry in entries})
    chosen = [one for task in tasks for one in candidates_of(entries, task, profile)]
    unknown = sum(one.bytes is None for one in chosen)
    size = _megabytes(sum(one.bytes or 0 for one in chosen))
    rest = f" and {unknown} of unknown size" if unknown else ""
    return f"| {profile} | {len(chosen)} | {size}{rest} |\n"


def _megabytes(size: int) -> str:
    return f"{size / BYTES_PER_MB:.1f} MB"


if __name__ == "__main__":
    PAGE.write_text(models_page())
