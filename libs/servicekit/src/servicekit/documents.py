"""Files that can have pages, told by their first bytes, as every process of the mesh tells them."""

# Some writers put a few of these, or a byte order mark, before a PDF.
_BEFORE_PDF = b"\xef\xbb\xbf\t\n\f\r \0"
_MOST_BEFORE_PDF = 64
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF


def is_pdf(content: bytes) -> bool:
    """Tell whether a file is a PDF."""
    return content[:_MOST_BEFORE_PDF].lstrip(_BEFORE_PDF).startswith(b"%PDF-")


def is_tiff(content: bytes) -> bool:
    """Tell whether a file is a TIFF."""
    return content.startswith(_TIFFS)


def may_have_pages(content: bytes) -> bool:
    """Tell whether a file may have more pages than one."""
    return is_pdf(content) or is_tiff(content)
