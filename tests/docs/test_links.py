"""Links of all pages lead somewhere, and the menu of the site to all pages."""

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.build_site import ROOT, config, files

FILES = {(ROOT / path).resolve() for path in files()}
PAGES = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"\]\(([^)\s#]+)[^)\s]*\)")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_of_page_lead_to_files_of_the_site(page: Path) -> None:
    links = [link for link in LINK.findall((ROOT / page).read_text()) if "://" not in link]

    assert [link for link in links if (ROOT / page.parent / link).resolve() not in FILES] == []


def test_menu_leads_to_every_page() -> None:
    listed = set(map(Path, paths(config()["nav"])))

    assert set(PAGES) == listed


def paths(entries: Any) -> list[str]:  # Any: a path, or a list of those and of titles with either
    """Return the paths of a menu."""
    if isinstance(entries, str):
        return [entries]
    inner = entries.values() if isinstance(entries, dict) else entries
    return [path for entry in inner for path in paths(entry)]
