"""Write the model cards as pages of the gateway, `card-NAME.html` in its static folder."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from modelkit.manifest import load_manifest

ROOT: Final = Path(__file__).parents[1]
STATIC: Final = ROOT / "gateway" / "src" / "gateway" / "static"

PAGE: Final = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>imagemesh: {title}</title>
    <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/page.css">
  </head>
  <body>
    <header>
      <p><a href="/">Try it</a> · <a href="/docs">API reference</a></p>
      <p><code>{card}</code></p>
    </header>
    <main class="prose card">
{body}    </main>
  </body>
</html>
"""
_SCROLLED: Final = """\
<div class="wide" tabindex="0" role="region" aria-label="Table {number}">
<table>"""
# Links to files of the project, which the gateway does not serve; their words stay.
_OWN_LINK: Final = re.compile(r'<a href="(?!https?:)[^"]*">(.*?)</a>', re.DOTALL)


def card_pages() -> Iterator[tuple[str, str]]:
    """Return name and content of the page of each card that a model names."""
    packages = ("colorize", "ocr", "vision")
    cards = {entry.card for package in packages for entry in load_manifest(package)}
    for card in sorted(cards):
        name = card.removesuffix("/README.md").replace("/", "-")
        yield f"card-{name}.html", _page(card)


def _page(card: str) -> str:
    text = (ROOT / card).read_text()
    body = _OWN_LINK.sub(r"\1", MarkdownIt().enable("table").render(text))
    body = body.replace("</table>", "</table>\n</div>")
    number = count(1)
    body = re.sub("<table>", lambda _: _SCROLLED.format(number=next(number)), body)
    # An empty heading of a column is none for those who hear the page.
    body = body.replace("<th></th>", "<td></td>").replace("<pre>", '<pre tabindex="0">')
    return PAGE.format(title=text.partition("\n")[0].lstrip("# "), card=card, body=body)


if __name__ == "__main__":
    for file, page in card_pages():
        (STATIC / file).write_text(page)
