"""The picture types that the mesh accepts, told by their first bytes."""

ACCEPTED = "JPEG, PNG, WebP, GIF, TIFF and BMP"

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),  # BigTIFF, as its mirror below
    (b"MM\x00+", "image/tiff"),
)

# "BM" alone also begins plain text. Byte 14 holds the size of the second header, whose versions
# are OS/2 1, Windows 3, its two extensions, OS/2 2, Windows 4 and Windows 5.
_BMP_HEADER_SIZES_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})


def sniff(content: bytes) -> str | None:
    """Return the media type that the first bytes prove; None when they prove no accepted one."""
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in _BMP_HEADER_SIZES_BYTES:
        return "image/bmp"
    return None


def looks_like_html(content: bytes) -> bool:
    """Tell whether the bytes begin a web page, the usual mistake of a link that is no picture."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--"))
