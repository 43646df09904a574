"""Makers of documents: PDF and TIFF files of several pages, and hostile ones."""

import io
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

from tests.ocr.written import draw_lines

ANIMALS = ("Nine brown foxes", "Twelve grey wolves", "Seven white horses")


def animals(file_format: str, **options: object) -> bytes:
    """Return a PDF or TIFF with one of `ANIMALS` on each page."""
    pages = [Image.fromarray(draw_lines(animal, width=500)) for animal in ANIMALS]
    output = io.BytesIO()
    pages[0].save(output, file_format, save_all=True, append_images=pages[1:], **options)
    return output.getvalue()


def typed_pdf(*pages: str, size_pt: tuple[float, float] = (595, 842)) -> bytes:
    """Return a PDF with a line of text on each page, no image: as an office program makes it."""
    streams = [f"BT /F 24 Tf 60 {size_pt[1] - 90} Td ({text}) Tj ET".encode() for text in pages]
    return pdf_file(streams, size_pt=size_pt)


def pdf_file(
    streams: Sequence[bytes],
    *,
    size_pt: tuple[float, float] = (595, 842),
    image: bytes = b"",
    page_entries: bytes = b"",
) -> bytes:
    """Return a PDF whose pages draw `streams`; `image` is an object that they know as /P."""
    first = 5
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(streams)))
    box = b"%g %g" % size_pt
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 %s]%s"
        b"/Resources<</Font<</F 3 0 R>>/XObject<</P 4 0 R>>>>>>"
        % (kids, len(streams), box, page_entries),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        image or b"null",
    ]
    for number, stream in enumerate(streams):
        contents = first + 2 * number + 1
        objects.append(b"<</Type/Page/Parent 2 0 R/Contents %d 0 R>>" % contents)
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    output, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(output))
        output += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n"
    size = len(objects) + 1
    return bytes(output) + end % (size, table, size, len(output)) + b"%%EOF"


def pdf_with_image(side_px: int) -> bytes:
    """Return a small PDF whose one image has `side_px` x `side_px` black pixels when unpacked."""
    packer = zlib.compressobj(9)
    row = bytes(side_px * 3)
    packed = b"".join(packer.compress(row) for _ in range(side_px)) + packer.flush()
    image = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream"
        % (side_px, side_px, len(packed), packed)
    )
    return pdf_file([b"q 500 0 0 500 40 40 cm /P Do Q"], image=image)


def slow_pdf() -> bytes:
    """Return a PDF of 8 MB whose page takes minutes to draw."""
    return pdf_file([b"0 0 m 500 800 l 9 9 500 700 re B " * 250_000])


def locked_pdf() -> bytes:
    """Return a PDF that only a password opens, as its encryption dictionary says."""
    plain = typed_pdf("secret")
    lock = (
        b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<"
        + b"41" * 32
        + b">/U<"
        + b"42" * 32
        + b">>>/ID[<00><00>]"
    )
    return plain.replace(b"/Root 1 0 R", b"/Root 1 0 R" + lock)


def endless_tiff() -> bytes:
    """Return a TIFF of 10,001 pages that are all empty directories."""
    directories = b"".join(struct.pack("<HI", 0, 8 + 6 * (number + 1)) for number in range(10_001))
    return b"II*\0" + struct.pack("<I", 8) + directories


def layered_pdf(drawn: str, layer: str, *, page_text: str = "") -> bytes:
    """Return a PDF of a scanned line, with another text in its layer that nobody sees.

    Args:
        drawn: the line of the scan.
        layer: the invisible text over it.
        page_text: a visible line below both, typed.
    """
    image = Image.fromarray(draw_lines(drawn, width=500)).convert("L")
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=95)
    scan = b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray" % image.size
    scan += b"/BitsPerComponent 8/Filter/DCTDecode/Length %d>>stream\n" % jpeg.tell()
    scan += jpeg.getvalue() + b"\nendstream"
    height = 400 * image.height / image.width
    stream = f"q 400 0 0 {height:.1f} 60 600 cm /P Do Q "
    # Where the line stands on the scan, as long as it.
    stream += f"BT 3 Tr /F 26 Tf 94 651 Td {1500 / len(layer):.1f} Tz ({layer}) Tj ET "
    if page_text:
        stream += f"BT 0 Tr 100 Tz /F 24 Tf 60 300 Td ({page_text}) Tj ET"
    return pdf_file([stream.encode()], image=scan)
