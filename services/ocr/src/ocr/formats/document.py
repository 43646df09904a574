"""Writers of documents by the name of their format."""

from collections.abc import Sequence
from types import MappingProxyType

from ocr.formats.alto import write_alto
from ocr.formats.hocr import write_hocr
from ocr.formats.pdf import write_pdf
from ocr.formats.printed import PrintedPage, WrittenDocument
from ocr.formats.tsv import write_tsv
from servicekit.errors import InvalidRequest

# Each format with its writer and its media type.
_WRITERS = MappingProxyType(
    {
        "hocr": (write_hocr, "application/xhtml+xml"),
        "alto": (write_alto, "application/xml"),
        "tsv": (write_tsv, "text/tab-separated-values"),
        "pdf": (write_pdf, "application/pdf"),
    }
)
FORMATS = tuple(_WRITERS)


def write_document(pages: Sequence[PrintedPage], format_name: str) -> WrittenDocument:
    """Write the pages of a document in one of `FORMATS`.

    Raises:
        InvalidRequest: there is no such format.
    """
    if format_name not in _WRITERS:
        raise InvalidRequest(f"format {format_name!r} is not known; send {', '.join(FORMATS)}")
    writer, media_type = _WRITERS[format_name]
    return WrittenDocument(writer(pages), media_type)
