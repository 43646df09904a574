"""The pages of a TIFF file, found without decoding any.

Source: TIFF 6.0, section 2; BigTIFF has eight bytes where TIFF has four or two.
"""

import struct
from dataclasses import dataclass

from servicekit.errors import UnreadableImage

_MOST_PAGES = 10_000  # a directory is 18 bytes: a hostile file of 10 MiB lists half a million
_NEW_SUBFILE_TYPE = 254
_REDUCED = 1  # a smaller copy of another page


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in a file: struct's codes, and the offset of the first directory."""

    order: str
    count: str
    offset: str
    first: int

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * struct.calcsize(self.offset)


_LAYOUTS = {
    b"II*\0": _Layout("<", "H", "I", 4),
    b"MM\0*": _Layout(">", "H", "I", 4),
    b"II+\0": _Layout("<", "Q", "Q", 8),
    b"MM\0+": _Layout(">", "Q", "Q", 8),
}


def find_pages(content: bytes) -> list[int]:
    """Return the offset of the directory of each page; copies in a smaller size are no pages.

    Raises:
        UnreadableImage: the file is damaged, or has too many pages.
    """
    layout = _LAYOUTS[content[:4]]
    pages: list[int] = []
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(layout.order + layout.offset, content, layout.first)
        while offset and offset not in seen:
            seen.add(offset)
            if len(seen) > _MOST_PAGES:
                raise UnreadableImage(f"the TIFF file has over {_MOST_PAGES} pages; send fewer")
            is_reduced, following = _read_directory(content, offset, layout)
            if not (is_reduced and pages):
                pages.append(offset)
            offset = following
    except (struct.error, OverflowError) as error:
        raise UnreadableImage("image is a damaged TIFF file; send a whole file") from error
    if not pages:
        raise UnreadableImage("the TIFF file has no pages")
    return pages


def page_of(content: bytes, offset: int) -> bytes:
    """Return a TIFF file that begins with the page whose directory is at `offset`."""
    layout = _LAYOUTS[content[:4]]
    page = bytearray(content)
    struct.pack_into(layout.order + layout.offset, page, layout.first, offset)
    return bytes(page)


def _read_directory(content: bytes, offset: int, layout: _Layout) -> tuple[bool, int]:
    """Return whether a page is a smaller copy, and the offset of the next directory."""
    (count,) = struct.unpack_from(layout.order + layout.count, content, offset)
    start = offset + struct.calcsize(layout.count)
    end = start + count * layout.entry_bytes
    (following,) = struct.unpack_from(layout.order + layout.offset, content, end)
    if count == 0:
        return False, following
    # Tags ascend, so that this one is the first where it is there at all.
    tag, _ = struct.unpack_from(layout.order + "HH", content, start)
    at = start + 4 + struct.calcsize(layout.offset)
    (kind,) = struct.unpack_from(layout.order + "I", content, at)
    return tag == _NEW_SUBFILE_TYPE and bool(kind & _REDUCED), following
