"""Writers of documents: each module of this package that has a WRITER, by its name."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType

from ocr.formats.printed import PrintedPage, Writer, WrittenDocument
from servicekit.errors import InvalidRequest


def _find_writers() -> Mapping[str, Writer]:
    names = [module.name for module in iter_modules([str(Path(__file__).parent)])]
    modules = {name: import_module(f"ocr.formats.{name}") for name in names if name != "document"}
    return {name: module.WRITER for name, module in modules.items() if hasattr(module, "WRITER")}


_WRITERS = MappingProxyType(dict(_find_writers()))
FORMATS = tuple(_WRITERS)


def write_document(pages: Sequence[PrintedPage], format_name: str) -> WrittenDocument:
    """Write the pages of a document in one of `FORMATS`.

    Raises:
        InvalidRequest: there is no such format.
    """
    if format_name not in _WRITERS:
        raise InvalidRequest(f"format {format_name!r} is not known; send {', '.join(FORMATS)}")
    writer = _WRITERS[format_name]
    return WrittenDocument(writer.write(pages), writer.media_type)
