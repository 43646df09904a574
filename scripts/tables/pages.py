"""Pages of docs/ with marked places, each `<!-- table NAME -->`, a table, and `<!-- end -->`."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from colorize.settings import ColorizeSettings
from gateway.settings import GatewaySettings
from modelkit.settings import ModelCommandSettings
from ocr.settings import OcrSettings
from scripts.tables import analysis, inputs, languages, models, schemas
from vision.settings import VisionSettings

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = sorted(page for page in DOCS.glob("*.md") if "<!-- table " in page.read_text())
TABLES: Final[dict[str, Callable[[], str]]] = {
    "analysis": analysis.documents,
    "chart": schemas.chart_values,
    "inputs": inputs.files,
    "languages": languages.routes,
    "models": models.manifests,
    "profiles": models.profiles,
    "gateway": partial(schemas.settings, GatewaySettings),
    "colorize": partial(schemas.settings, ColorizeSettings),
    "ocr": partial(schemas.settings, OcrSettings),
    "vision": partial(schemas.settings, VisionSettings),
    "imagemesh models": partial(schemas.settings, ModelCommandSettings),
}

_MARKED: Final = re.compile(r"(<!-- table ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return a page with each table as its source has it now."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", page)
