"""Output formats of OCR: hOCR, ALTO, TSV and searchable PDF."""

from ocr.formats.document import FORMATS, write_document
from ocr.formats.pdf import write_layers
from ocr.formats.printed import PrintedPage, WrittenDocument

__all__ = ["FORMATS", "PrintedPage", "WrittenDocument", "write_document", "write_layers"]
