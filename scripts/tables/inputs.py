"""Table of kinds of files, and what becomes of each; every file is made and tried."""

import asyncio
import gzip
import io
import struct
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from typing import Any

import numpy as np
from pikepdf import Encryption, Pdf
from PIL import Image

from benchmarks.reports import table
from gateway.media import PDF, require_image
from gateway.problems import Problem
from modelkit.decoding import Decoder
from modelkit.images import ImageLimits, decode_image
from ocr.documents import Documents
from servicekit.documents import may_have_pages
from servicekit.errors import UnreadableImage

SIZE = (64, 48)
SUBJECT = "the parameter 'image' holds"
LIMITS = ImageLimits()
HEAD = ("file", "endpoints for photos", "ocr and analyzed-ocr")


def files() -> str:
    """Return what becomes of each file."""
    return table(HEAD, asyncio.run(_rows()))


async def _rows() -> list[tuple[str, str, str]]:
    with closing(Decoder(LIMITS, threads=1)) as decoder:
        documents = Documents(decoder, max_pixels=LIMITS.max_pixels, drawings=1)
        return [
            (name, _as_photo(content), await _as_document(content, documents))
            for name, content in inputs()
        ]


def _as_photo(content: bytes) -> str:
    try:
        require_image(content, subject=SUBJECT)
        decoded = decode_image(content, LIMITS)
    except (Problem, UnreadableImage) as error:
        return _refusal(error)
    height, width = decoded.pixels.shape[:2]
    warnings = "".join(f"; warning `{each.code}`: {each.message}" for each in decoded.warnings)
    return f"read, {width} x {height} px{warnings}"


async def _as_document(content: bytes, documents: Documents) -> str:
    try:
        media_type = require_image(content, subject=SUBJECT, or_pdf=True)
        if not may_have_pages(content):
            return _as_photo(content)
        document = await documents.open(content)
        async with document.opened(1, with_jpeg=False) as page:
            fitted = page.fitted
    except (Problem, UnreadableImage) as error:
        return _refusal(error)
    size = f"{fitted.original_width} x {fitted.original_height} px"
    drawn = "drawn at" if media_type == PDF else "which says"
    dots = f", {drawn} {page.dots_per_inch} x {page.vertical_dots_per_inch} dots per inch"
    pages = f"{document.page_count} pages" if document.page_count > 1 else "1 page"
    return f"read, {pages}, the first {size}{dots if page.dots_per_inch else ''}"


def _refusal(error: Problem | UnreadableImage) -> str:
    status = error.status if isinstance(error, Problem) else HTTPStatus.UNPROCESSABLE_ENTITY
    return f"{status}: {error}"


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    for name in ("JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000"):
        yield name, _saved(_drawn(), name)
    yield from _odd_images()
    yield from _broken_images()
    yield from _documents()
    yield from _other_files()


def _odd_images() -> Iterator[tuple[str, bytes]]:
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = _drawn()
    clear.putalpha(120)
    deep = Image.fromarray(np.full(SIZE[::-1], 40_000, np.uint16))
    others = [_drawn().rotate(90), _drawn().rotate(180)]
    yield "JPEG, progressive", _saved(_drawn(), "JPEG", progressive=True)
    yield "JPEG, CMYK", _saved(_drawn().convert("CMYK"), "JPEG")
    yield "JPEG, turned by its EXIF orientation", _saved(_drawn(), "JPEG", exif=turned)
    yield "PNG, half transparent", _saved(clear, "PNG")
    yield "PNG, 16 bits of grey", _saved(deep, "PNG")
    yield "PNG, 2 colors of a palette", _saved(_drawn().quantize(2), "PNG")
    yield "TIFF, LZW", _saved(_drawn(), "TIFF", compression="tiff_lzw")
    yield "GIF, three frames", _saved(_drawn(), "GIF", save_all=True, append_images=others)
    yield "PNG, one pixel", _saved(Image.new("L", (1, 1)), "PNG")


def _broken_images() -> Iterator[tuple[str, bytes]]:
    whole = _saved(_drawn((400, 300)), "JPEG")
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    large = bytearray(_saved(_drawn(), "BMP"))
    large[18:26] = struct.pack("<ii", 30_000, 30_000)
    deep = bytearray(whole)
    deep[deep.index(b"\xff\xc0") + 4] = 12
    png = _saved(_drawn(), "PNG")
    yield "JPEG without its last two bytes", whole[:-2]
    yield "JPEG, a third of it", _saved(Image.fromarray(noise), "JPEG")[:30_000]
    yield "JPEG of 12 bits", bytes(deep)
    yield "PNG, half of it", png[: len(png) // 2]
    yield "BMP whose header says 30,000 x 30,000 px", bytes(large)
    yield "empty file", b""


def _documents() -> Iterator[tuple[str, bytes]]:
    pages, others = ([_drawn((400, 300)) for _ in range(3)] for _ in range(2))
    fax = _drawn((1728, 1100)).convert("1")
    scanned = _saved(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=100)
    with Pdf.open(io.BytesIO(scanned)) as pdf, io.BytesIO() as file:
        pdf.save(file, encryption=Encryption(owner="owner", user="user"))
        locked = file.getvalue()
    yield "PDF, three pages", scanned
    yield "PDF behind 500 bytes of something else", b"%!\n" + b"x" * 500 + b"\n" + scanned
    yield "PDF with a password", locked
    yield "PDF, a third of it", scanned[: len(scanned) // 3]
    yield "TIFF, three pages", _saved(others[0], "TIFF", save_all=True, append_images=others[1:])
    yield "TIFF of a fax", _saved(fax, "TIFF", compression="group4", dpi=(204, 98))


def _other_files() -> Iterator[tuple[str, bytes]]:
    yield "SVG", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    yield "JPEG XL", b"\xff\x0a" + bytes(64)
    yield "Photoshop", b"8BPS\0\x01" + bytes(64)
    yield "Icon", b"\0\0\x01\0\x01\0" + bytes(64)
    yield "PPM", b"P6\n2 2\n255\n" + bytes(12)
    yield "MP4", b"\0\0\0\x18ftypisom\0\0\0\0mp41avc1" + bytes(64)
    yield "ZIP or DOCX", b"PK\x03\x04" + bytes(64)
    yield "gzip", gzip.compress(b"x", mtime=0)
    yield "web page", b"<!doctype html><title>404</title>"
    yield "JSON", b'{"error": "not found"}'
    yield "text", b"Dear Madam, your image is at the office."
    yield "bytes without a meaning", bytes(range(128, 256))


def _drawn(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a ramp with a border, RGB."""
    row = np.linspace(20, 250, size[0]).astype(np.uint8)
    pixels = np.broadcast_to(row[np.newaxis, :, np.newaxis], (size[1], size[0], 3)).copy()
    pixels[:4] = (200, 40, 40)
    return Image.fromarray(pixels)


def _saved(image: Image.Image, file_format: str, **options: Any) -> bytes:  # Any: as Pillow has it
    output = io.BytesIO()
    image.save(output, file_format, **options)
    return output.getvalue()
