"""Images that the gateway hosts itself: results, and the examples that ship with it.

Their URLs can be sent to any endpoint; they are read here and not fetched over the network, so that
a mesh on a private address can work on its own results.
"""

from importlib import resources
from typing import Final

from gateway.hosting.results import ResultStore
from gateway.media import EncodedImage, sniff

RESULTS_PATH: Final = "/content/colorized"
DOCUMENTS_PATH: Final = "/content/documents"
EXAMPLES_PATH: Final = "/content/examples"

# Hosted files come from callers: a browser shall show them, and run nothing in them. The viewer of
# a browser for PDFs does not work in a sandbox.
_POLICY: Final = "default-src 'none'; sandbox"
_POLICY_OF_PDF: Final = "script-src 'none'"


def content_headers(media_type: str) -> dict[str, str]:
    """Return the headers that keep a browser from running anything in a hosted file."""
    is_pdf = media_type == "application/pdf"
    return {
        "Content-Security-Policy": _POLICY_OF_PDF if is_pdf else _POLICY,
        "X-Content-Type-Options": "nosniff",
    }


class HostedImages:
    """Reads hosted images by URL; the examples stay in memory, a few 100 KB."""

    def __init__(self, results: ResultStore) -> None:
        self._results = results
        self._examples = {
            entry.name: entry.read_bytes()
            for entry in (resources.files("gateway") / "examples").iterdir()
        }

    def example(self, name: str) -> EncodedImage | None:
        """Return the example of that file name, None where there is none."""
        content = self._examples.get(name, b"")
        media_type = sniff(content)
        return EncodedImage(content, media_type, name) if media_type else None

    async def read(self, url: str, *, base_url: str) -> EncodedImage | None:
        """Return the image or PDF at `url`, None where the gateway at `base_url` hosts none."""
        if not url.startswith(base_url):
            return None
        folder, _, name = url.removeprefix(base_url).rpartition("/")
        if folder == EXAMPLES_PATH:
            return self.example(name)
        if folder not in {RESULTS_PATH, DOCUMENTS_PATH}:
            return None
        result = await self._results.open(name)
        if result is None:
            return None
        content = b"".join([piece async for piece in result.content])
        return EncodedImage(content, result.media_type, name)
