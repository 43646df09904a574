"""Detection of files that can have pages, by their first bytes."""

# Readers take a PDF whose header is anywhere in its first 1,024 bytes: mail gateways and printers
# write lines of their own before it.
_MOST_BEFORE_PDF = 1024
_PDF_HEADER = b"%PDF-"
# Files that may hold those bytes in a comment or as text: JPEG, PNG, GIF, WebP, HTML, XML and SVG.
_OTHER_FILES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"<", b"\xef\xbb\xbf<")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF


def is_pdf(content: bytes) -> bool:
    """Return whether a file is a PDF."""
    start = content[: _MOST_BEFORE_PDF + len(_PDF_HEADER)]
    return _PDF_HEADER in start and not start.lstrip().startswith((*_OTHER_FILES, *TIFF_STARTS))


def is_tiff(content: bytes) -> bool:
    """Return whether a file is a TIFF."""
    return content.startswith(TIFF_STARTS)


def may_have_pages(content: bytes) -> bool:
    """Return whether a file may have more pages than one."""
    return is_pdf(content) or is_tiff(content)
