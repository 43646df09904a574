"""Kinds of files, told by their first bytes: names for those that no process of the mesh reads."""

import re
from typing import Final

READ_IMAGES: Final = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or JPEG 2000"

# HEIF files of HEVC images, as phones take them.
HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})

_BRAND_BYTES: Final = 4
_MOST_BRANDS_BYTES: Final = 512
_LOOKED_AT_BYTES: Final = 1024
_DICOM_AT: Final = 128
_TEXT_SHARE: Final = 0.95  # of the letters of a text are no control characters

# The longer of two that begin alike stands first.
_SIGNATURES: Final = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"\x00\x00\x02\x00", "a cursor (CUR)"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"gimp xcf", "a GIMP document (XCF)"),
    (b"FUJIFILMCCD-RAW", "a raw photo (RAF)"),
    (b"IIRO", "a raw photo (ORF)"),
    (b"IIU\x00", "a raw photo (RW2)"),
    (b"AT&TFORM", "DjVu"),
    (b"SIMPLE  =", "FITS"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)"),
    (b"{\\rtf", "RTF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"ID3", "sound (MP3)"),
    (b"OggS", "sound or a video (Ogg)"),
    (b"fLaC", "sound (FLAC)"),
)
_RIFF_KINDS: Final = {b"AVI ": "a video (AVI)", b"WAVE": "sound (WAV)"}

_NETPBM = re.compile(rb"P[1-7]\s")  # PBM, PGM, PPM and PAM
_SVG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.DOTALL)
_HTML = re.compile(rb"\s*<(?:!doctype html|html|head|body|script|!--)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml\s")


def brands_of(content: bytes) -> frozenset[bytes]:
    """Return the brands of an ISO media file, such as AVIF or MP4; none for other files.

    Source: ISO/IEC 14496-12, section 4.3.
    """
    if content[4:8] != b"ftyp":
        return frozenset()
    size_bytes = min(int.from_bytes(content[:4], "big"), _MOST_BRANDS_BYTES)
    starts = [8, *range(16, size_bytes, _BRAND_BYTES)]  # behind the major one stands its version
    return frozenset(content[start : start + _BRAND_BYTES] for start in starts)


def is_avif(content: bytes) -> bool:
    """Tell whether a file is AVIF."""
    return bool(brands_of(content) & AVIF_BRANDS)


def is_heic(content: bytes) -> bool:
    """Tell whether a file is HEIC."""
    brands = brands_of(content)
    return bool(brands & HEIC_BRANDS) and not brands & AVIF_BRANDS


def is_web_page(content: bytes) -> bool:
    """Tell whether a file is HTML, the usual mistake of a link that is no image."""
    return _HTML.match(content[:_LOOKED_AT_BYTES].removeprefix(b"\xef\xbb\xbf")) is not None


def describe(content: bytes) -> str:
    """Return the kind of a file that is not read, such as "SVG, which is not read"."""
    if not content:
        return "nothing"
    if is_web_page(content):
        return "a web page (HTML), not the image itself"
    kind = _kind_of(content)
    return "no image" if kind is None else f"{kind}, which is not read"


def _kind_of(content: bytes) -> str | None:
    start = content[:_LOOKED_AT_BYTES].removeprefix(b"\xef\xbb\xbf")
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            return name
    if content.startswith(b"RIFF"):
        return _RIFF_KINDS.get(content[8:12], "a RIFF file")
    if brands_of(content):
        return "HEIC" if is_heic(content) else "a video (MP4 or MOV)"
    if content[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return "DICOM"
    if _NETPBM.match(start):
        return "Netpbm (PBM, PGM or PPM)"
    return _kind_of_text(start)


def _kind_of_text(start: bytes) -> str | None:
    if _SVG.match(start):
        return "SVG"
    if _XML.match(start):
        return "XML"
    if start.lstrip().startswith((b"{", b"[")):
        return "JSON"
    try:
        text = start.decode()
    except UnicodeDecodeError:
        return None
    shown = sum(letter.isprintable() or letter.isspace() for letter in text)
    return "text" if shown >= _TEXT_SHARE * len(text) else None
