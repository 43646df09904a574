"""Write docs/inputs.md: kinds of files, and what the mesh does with each."""

import asyncio
import gzip
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pikepdf import Encryption, Pdf
from PIL import Image

from gateway.media import PDF, require_image
from gateway.problems import Problem
from modelkit.decoding import Decoder
from modelkit.images import ImageLimits, decode_image
from ocr.documents import Documents
from servicekit.documents import may_have_pages
from servicekit.errors import UnreadableImage

PAGE = Path(__file__).parents[1] / "docs" / "inputs.md"

HEAD = (
    "# Inputs\n\n"
    "What becomes of a file that is sent as `image`, whatever its name and its Content-Type say.\n"
    "`make docs` makes and tries every file of the table, and writes this page.\n"
    "The endpoints for photos are colorize, emotions, classify and nudity.\n"
    "HEIC is read where `imagemesh-modelkit[heic]` is installed in the services: pi-heif, whose "
    "wheels hold libheif and libde265 under LGPL-3.0.\n"
    "JPEG XL has a plugin under GPL-3.0 alone and is not read.\n\n"
    "| file | endpoints for photos | ocr and analyzed-ocr |\n"
    "| --- | --- | --- |\n"
)

SIZE = (64, 48)
LIMITS = ImageLimits()


def inputs_page() -> str:
    """Return the page."""
    return HEAD + asyncio.run(_table())


async def _table() -> str:
    decoder = Decoder(LIMITS, threads=1)
    documents = Documents(decoder, max_pixels=LIMITS.max_pixels, drawings=1)
    rows = []
    for name, content in inputs():
        read = await _as_document(content, documents)
        rows.append(f"| {name} | {_as_photo(content)} | {read} |\n")
    decoder.close()
    return "".join(rows)


def _as_photo(content: bytes) -> str:
    try:
        require_image(content, subject="the parameter 'image' holds")
        decoded = decode_image(content, LIMITS)
    except Problem as problem:
        return f"{problem.status}: {problem}"
    except UnreadableImage as error:
        return f"422: {error}"
    height, width = decoded.pixels.shape[:2]
    warnings = "".join(f"; warning `{each.code}`: {each.message}" for each in decoded.warnings)
    return f"read, {width} x {height} px{warnings}"


async def _as_document(content: bytes, documents: Documents) -> str:
    try:
        media_type = require_image(content, subject="the parameter 'image' holds", or_pdf=True)
        if not may_have_pages(content):
            return _as_photo(content)
        document = await documents.open(content)
        async with document.opened(1, with_jpeg=False) as page:
            fitted = page.fitted
    except Problem as problem:
        return f"{problem.status}: {problem}"
    except UnreadableImage as error:
        return f"422: {error}"
    size = f"{fitted.original_width} x {fitted.original_height} px"
    drawn = "drawn at" if media_type == PDF else "which says"
    dots = f", {drawn} {page.dots_per_inch} x {page.vertical_dots_per_inch} dots per inch"
    pages = f"{document.page_count} pages" if document.page_count > 1 else "1 page"
    return f"read, {pages}, the first {size}{dots if page.dots_per_inch else ''}"


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    yield from _usual_images()
    yield from _odd_images()
    yield from _broken_images()
    yield from _documents()
    yield from _other_files()


def _usual_images() -> Iterator[tuple[str, bytes]]:
    for name in ("JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000"):
        yield name, _saved(_drawn(), name)


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


if __name__ == "__main__":
    PAGE.write_text(inputs_page())
