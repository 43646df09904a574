"""Encoded images and the types that the mesh accepts, told by their first bytes."""

from dataclasses import dataclass

from gateway.problems import Problem
from servicekit.documents import is_pdf

ACCEPTED = "JPEG, PNG, WebP, GIF, TIFF and BMP"
PDF = "application/pdf"

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


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image, or a PDF where one may come, as it came; not decoded.

    Attributes:
        content: the whole file.
        media_type: what its first bytes prove, whatever its sender calls it.
        name: file name, safe in headers; "image" where it has none.
    """

    content: bytes
    media_type: str
    name: str


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


def require_image(content: bytes, *, subject: str, or_pdf: bool = False) -> str:
    """Return the media type of `content`.

    Args:
        content: the whole file.
        subject: what the message begins with, such as "the URL leads to".
        or_pdf: a PDF is as good as an image.

    Raises:
        Problem: 415, it is not accepted.
    """
    media_type = sniff(content)
    if media_type is not None:
        return media_type
    if or_pdf and is_pdf(content):
        return PDF
    accepted = f"{ACCEPTED}, and PDF" if or_pdf else ACCEPTED
    message = f"{subject} {_found(content)}; accepted are {accepted}"
    raise Problem(415, "unsupported_media_type", message)


def _found(content: bytes) -> str:
    if is_pdf(content):
        return "a PDF, which only ocr and analyzed-ocr read"
    return "a web page (HTML), not the image itself" if looks_like_html(content) else "no image"


def looks_like_html(content: bytes) -> bool:
    """Tell whether the bytes begin a web page, the usual mistake of a link that is no image."""
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--"))
