"""Files that can have pages."""

import pytest

from servicekit.documents import is_pdf, is_tiff, may_have_pages


@pytest.mark.parametrize(
    "start", [b"", b"\n", b"\xef\xbb\xbf", b"\x1b%-12345X@PJL\r\n", b"x" * 1024]
)
def test_pdf_is_told_by_its_first_bytes(start: bytes) -> None:
    assert is_pdf(start + b"%PDF-1.7")
    assert may_have_pages(start + b"%PDF-1.7")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF",
        b"GIF89a %PDF-1.7",
        b"\n<html>%PDF-1.7",
        b"\xff\xd8\xff%PDF-1",
        b"x" * 1025 + b"%PDF-1",
    ],
)
def test_anything_else_is_no_pdf(content: bytes) -> None:
    assert not may_have_pages(content)


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_every_kind_of_tiff_may_have_pages(start: bytes) -> None:
    assert is_tiff(start + b"\x08\0\0\0")
    assert may_have_pages(start)


def test_tiff_is_no_pdf() -> None:
    assert not is_pdf(b"II*\0%PDF-1.7")
