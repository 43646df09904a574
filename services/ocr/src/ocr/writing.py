"""Collector of the pages of a document, within a bound of memory."""

from ocr.formats import PrintedPage, WrittenDocument, write_document
from servicekit.errors import InvalidRequest

_MIB = 1024 * 1024
_MOST_JPEG_BYTES = 48 * _MIB  # of all pages; one drawn at 250 dots per inch has 0.5 MB


class DocumentWriter:
    """Document under construction.

    Args:
        format_name: one of `ocr.formats.FORMATS`; None where nothing is to be written.
    """

    def __init__(self, format_name: str | None) -> None:
        self.format_name = format_name
        self._pages: list[PrintedPage] = []
        self._jpeg_bytes = 0

    def add(self, page: PrintedPage) -> None:
        """Add the next page.

        Raises:
            InvalidRequest: the document gets too large.
        """
        if self.format_name is None:
            return
        self._pages.append(page)
        self._jpeg_bytes += len(page.jpeg)
        if self._jpeg_bytes > _MOST_JPEG_BYTES:
            raise InvalidRequest(
                f"the PDF would have over {_MOST_JPEG_BYTES // _MIB} MiB after "
                f"{len(self._pages)} pages; ask for fewer pages"
            )

    def write(self) -> WrittenDocument:
        """Return the document in its format."""
        return write_document(self._pages, self.format_name or "")
