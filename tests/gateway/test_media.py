"""Telling images by their first bytes."""

import io

import pytest
from PIL import Image

from gateway.media import sniff


@pytest.mark.parametrize(
    ("saved_as", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_image_is_told_by_its_first_bytes(saved_as: str, media_type: str) -> None:
    saved = io.BytesIO()
    Image.new("RGB", (2, 3)).save(saved, saved_as)

    assert sniff(saved.getvalue()) == media_type


@pytest.mark.parametrize("start", [b"MM\x00*", b"II+\x00", b"MM\x00+"])
def test_other_kinds_of_tiff_are_images(start: bytes) -> None:
    assert sniff(start + b"\x00\x00\x00\x08") == "image/tiff"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"GIF88a",
        b"BM",
        b"BMW built its first car in 1928.",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\x1f\x8b\x08\x00",
        b" \x89PNG\r\n\x1a\n",
    ],
)
def test_anything_else_is_no_accepted_image(content: bytes) -> None:
    assert sniff(content) is None
