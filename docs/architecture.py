"""Draw docs/architecture.svg: python docs/architecture.py."""

from html import escape
from pathlib import Path

SVG = Path(__file__).with_suffix(".svg")

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 160, 46, 70, 40, 16

# Name of a box: column, row, title, and its role.
BOXES = {
    "database": (0, 0, "database", "keys, credits, jobs"),
    "store": (1, 0, "object storage", "images and PDFs"),
    "web": (2, 0, "public web", "images by URL"),
    "rest": (0, 1, "REST caller", "API key"),
    "gateway": (1, 1, "gateway", "pipeline, jobs"),
    "native": (0, 2, "gRPC caller", "certificate or API key"),
    "envoy": (1, 2, "Envoy", "balancing, retries"),
    "colorize": (2, 1, "colorize", "a thread per model"),
    "ocr": (2, 2, "ocr", "a thread per model"),
    "vision": (2, 3, "vision", "a thread per model"),
}
# From, to, and the word on the arrow.
ARROWS = [
    ("rest", "gateway", "POST"),
    ("native", "envoy", "gRPC"),
    ("gateway", "database", ""),
    ("gateway", "store", ""),
    ("gateway", "web", "fetch"),
    ("gateway", "envoy", "gRPC"),
    ("envoy", "colorize", ""),
    ("envoy", "ocr", "gRPC"),
    ("envoy", "vision", ""),
]
STYLE = (
    "text{font:13px sans-serif;fill:#1b2733}.small{font-size:11px;fill:#52606d}"
    "rect{fill:#eef3f8;stroke:#6b7f93}line{stroke:#6b7f93;fill:none;marker-end:url(#end)}"
)


def corner(name: str) -> tuple[int, int]:
    """Return the top left corner of a box."""
    column, row, *_ = BOXES[name]
    return MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y)


def box(name: str) -> str:
    """Return a box with its two lines of text."""
    (x, y), (title, text) = corner(name), BOXES[name][2:]
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x + 9}" y="{y + 19}">{escape(title)}</text>'
        f'<text class="small" x="{x + 9}" y="{y + 36}">{escape(text)}</text>'
    )


def arrow(start: str, end: str, word: str) -> str:
    """Return an arrow from one box up or down to another, or to the right."""
    (x0, y0), (x1, y1) = corner(start), corner(end)
    half = WIDTH // 2
    if end in {"database", "store", "web"}:
        points = (x0 + half, y0, x1 + half, y1 + HEIGHT)
    elif x0 == x1:
        points = (x0 + half, y0 + HEIGHT, x1 + half, y1)
    else:
        points = (x0 + WIDTH, y0 + HEIGHT // 2, x1, y1 + HEIGHT // 2)
    at_x, at_y = (points[0] + points[2]) // 2, (points[1] + points[3]) // 2
    text = f'<text class="small" x="{at_x + 4}" y="{at_y - 4}">{word}</text>' if word else ""
    return '<line x1="{}" y1="{}" x2="{}" y2="{}"/>'.format(*points) + text


def svg() -> str:
    """Return the whole drawing."""
    end = '<marker id="end" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    width, height = 2 * MARGIN + 3 * WIDTH + 2 * GAP_X, 2 * MARGIN + 4 * HEIGHT + 3 * GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Callers, the gateway, Envoy, the services and the stores</title>",
        f"<style>{STYLE}</style>",
        f'<defs>{end}<path d="M0 0L8 4L0 8z" style="fill:#6b7f93"/></marker></defs>',
        *(arrow(*each) for each in ARROWS),
        *map(box, BOXES),
        "</svg>\n",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    SVG.write_text(svg())
