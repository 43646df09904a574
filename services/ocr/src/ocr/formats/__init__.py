"""Writes down what was read: hOCR, ALTO, a table of words, or a PDF that can be searched."""

from ocr.formats.document import FORMATS, write_document
from ocr.formats.printed import PrintedPage, WrittenDocument

__all__ = ["FORMATS", "PrintedPage", "WrittenDocument", "write_document"]
