"""Encoded images and the types that the mesh accepts, told by their first bytes."""

from dataclasses import dataclass

from gateway.problems import Problem
from servicekit.documents import is_pdf
from servicekit.file_kinds import READ_IMAGES, describe, is_avif, is_heic

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
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),  # a bare codestream
)

# "BM" alone also begins plain text. Byte 14 holds the size of the second header, whose versions
# are OS/2 1, Windows 3, its two extensions, OS/2 2, Windows 4 and Windows 5.
_BMP_HEADER_SIZES_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image, or a PDF where one may come, as it came; not decoded."""

    content: bytes
    media_type: str  # what its first bytes prove, whatever its sender calls it
    name: str  # file name, safe in headers; "image" where it has none


def sniff(content: bytes) -> str | None:
    """Return the media type that the first bytes prove; None when they prove no accepted one."""
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in _BMP_HEADER_SIZES_BYTES:
        return "image/bmp"
    if is_avif(content):
        return "image/avif"
    # Whether there is a reader of HEIC, the service knows.
    return "image/heic" if is_heic(content) else None


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
    found = "a PDF, which only ocr and analyzed-ocr read" if is_pdf(content) else describe(content)
    message = f"{subject} {found}; send {READ_IMAGES}{', or PDF' if or_pdf else ''}"
    raise Problem(415, "unsupported_media_type", message)
