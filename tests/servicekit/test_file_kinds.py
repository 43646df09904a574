"""Names of the kinds of files that are not read, told by their first bytes."""

import pytest

from servicekit.file_kinds import describe, is_avif, is_heic, is_web_page

XML = b'<?xml version="1.0"?>\n'


def media(brand: bytes, *others: bytes) -> bytes:
    """Return the start of an ISO media file."""
    brands = brand + bytes(4) + b"".join(others)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + bytes(16)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (XML + b"<!-- drawn --><!DOCTYPE svg>\n<svg viewBox='0 0 1 1'>", "SVG"),
        (b"\xef\xbb\xbf" + XML + b"<svg>", "SVG"),
        (XML + b"<note/>", "XML"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
        (media(b"heic", b"mif1"), "HEIC"),
        (media(b"isom", b"mp41"), "a video (MP4 or MOV)"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "sound (WAV)"),
        (b"8BPS\x00\x01", "a Photoshop document (PSD)"),
        (b"P6\n2 2\n255\n", "Netpbm (PBM, PGM or PPM)"),
        (b"PK\x03\x04", "a ZIP archive or an Office document"),
        (bytes(128) + b"DICM", "DICOM"),
        (b'{"url": 1}', "JSON"),
        (b"Dear Madam,", "text"),
    ],
)
def test_kind_that_is_not_read_is_named(content: bytes, name: str) -> None:
    assert describe(content) == f"{name}, which is not read"


@pytest.mark.parametrize("content", [b"\xff\xfe\x01\x02", b"\xff\xd8", b"\0" * 200])
def test_kind_that_is_not_known_is_no_image(content: bytes) -> None:
    assert describe(content) == "no image"


def test_empty_file_holds_nothing() -> None:
    assert describe(b"") == "nothing"


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html>", b"\n <HTML>", b"\xef\xbb\xbf<html>", b"<!-- a -->"]
)
def test_web_page_is_told_apart(content: bytes) -> None:
    assert is_web_page(content)
    assert describe(content) == "a web page (HTML), not the image itself"


@pytest.mark.parametrize("content", [b"", b"plain text", b"{}", b"<?xml version='1.0'?><svg/>"])
def test_other_text_is_no_web_page(content: bytes) -> None:
    assert not is_web_page(content)


def test_brands_tell_avif_from_heic() -> None:
    avif, heic = media(b"mif1", b"miaf", b"avif"), media(b"mif1", b"heic")

    assert (is_avif(avif), is_heic(avif)) == (True, False)
    assert (is_avif(heic), is_heic(heic)) == (False, True)
