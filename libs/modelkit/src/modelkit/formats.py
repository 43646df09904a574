"""File formats of images: detection, size and opening, without decoding.

Pillow's own `Image.open` is not used: it tries all formats and has one global limit of pixels.
"""

import importlib
import io
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from servicekit.documents import TIFF_STARTS
from servicekit.errors import UnreadableImage
from servicekit.file_kinds import READ_IMAGES, describe, is_avif, is_heic

MAX_JPEG_SCANS = 200  # encoders write about 10; each one costs a pass over all pixels
MAX_TIFF_STRIPS = 100_000  # 25 MP in tiles of 16 x 16 px; Pillow holds 350 bytes for each
BIG_TIFF_VERSION = 43
TIFF_INTEGER_TYPES = {3, 4, 16}  # SHORT, LONG and BigTIFF's LONG8
# Tags of TIFF 6.0, sections 8 and 15.
TIFF_WIDTH, TIFF_LENGTH, TIFF_STRIP_OFFSETS = 256, 257, 273
TIFF_TILE_WIDTH, TIFF_TILE_LENGTH, TIFF_TILE_OFFSETS = 322, 323, 324
_START_OF_SCAN = 0xDAFF  # FF DA, read as numpy is fastest at

Plugin: TypeAlias = Callable[[io.BytesIO], ImageFile.ImageFile]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One file format.

    Attributes:
        media_type: its name on the web.
        starts: such a file begins with one of these.
        read_size: returns the (width, height) in pixels that decoding makes room for, without
            making it.
        open: returns Pillow's lazy image of a file; this and `read_size` refuse files that are
            costly whatever their size.
        tells_at_once: reading the size of a small file takes microseconds.
        may_exceed: decoding may take more room than the header tells, so that no other image is
            open meanwhile.
    """

    media_type: str
    starts: tuple[bytes, ...]
    read_size: Callable[[bytes], tuple[int, int]]
    open: Plugin
    tells_at_once: bool = False
    may_exceed: bool = False


def recognize(content: bytes) -> ImageFormat:
    """Return the format that the first bytes of a file tell.

    Raises:
        UnreadableImage: it is none that is read.
    """
    for image_format in _FORMATS:
        if content.startswith(image_format.starts):
            return image_format
    if content.startswith(_WEBP.starts) and content[8:12] == b"WEBP":
        return _WEBP
    if is_avif(content):
        return _AVIF
    if is_heic(content):
        return _heic()
    raise UnreadableImage(f"image holds {describe(content)}; send {READ_IMAGES}")


def _heic() -> ImageFormat:
    """Return the format that the optional reader of HEIC gives.

    Raises:
        UnreadableImage: it is not installed.
    """
    try:
        reader = importlib.import_module("pi_heif")
    except ImportError as error:
        raise UnreadableImage(
            "image holds HEIC, which is not read here; send JPEG, "
            "or whoever runs the mesh installs imagemesh-modelkit[heic]"
        ) from error
    return _opened_by(reader.HeifImageFile, "image/heic", may_exceed=True)


def _opened_size(plugin: Plugin, content: bytes) -> tuple[int, int]:
    with plugin(io.BytesIO(content)) as image:
        return image.size


def _jpeg_size(content: bytes) -> tuple[int, int]:
    try:
        # What libjpeg will make room for, in a fortieth of the time that Pillow takes to open it.
        height, width, *_ = simplejpeg.decode_jpeg_header(content, strict=False)
    except ValueError:
        return _opened_size(_open_jpeg, content)
    return width, height


def _open_jpeg(file: io.BytesIO) -> ImageFile.ImageFile:
    scans = _count_scans(file.getvalue())
    if scans > MAX_JPEG_SCANS:
        raise UnreadableImage(f"image has {scans} JPEG scans; the limit is {MAX_JPEG_SCANS}")
    return JpegImagePlugin.JpegImageFile(file)


def _count_scans(content: bytes) -> int:
    """Return how often a scan begins, in an eighth of the time of `bytes.count`.

    The marker cannot occur in compressed data; a thumbnail within the metadata adds a few.
    """
    pairs = (np.frombuffer(content, "<u2", (len(content) - start) // 2, start) for start in (0, 1))
    return sum(int(np.count_nonzero(pair == _START_OF_SCAN)) for pair in pairs)


def _webp_size(content: bytes) -> tuple[int, int]:
    # Pillow's decoder allocates the canvas when it opens the file.
    # Source: RFC 9649, sections 2.5, 2.6, 2.7.
    chunk = content[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(content[i : i + 3], "little") for i in (24, 27))
        return width + 1, height + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff_size(content: bytes) -> tuple[int, int]:
    file = io.BytesIO(content)
    is_big = BIG_TIFF_VERSION in content[2:4]
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[: 16 if is_big else 8])
    file.seek(tags.next)
    tags.load(file)
    for tag in (TIFF_STRIP_OFFSETS, TIFF_TILE_OFFSETS):
        if tags.tagtype.get(tag, 4) not in TIFF_INTEGER_TYPES:
            raise UnreadableImage("image is a damaged TIFF file: its strips have no offsets")
        # Opening would list all strips: 1.6 GB and 20 s for a hostile file of 10 MB.
        strips = len(tags.get(tag, ()))
        if strips > MAX_TIFF_STRIPS:
            raise UnreadableImage(f"image has {strips} TIFF strips; the limit is {MAX_TIFF_STRIPS}")
    size = int(tags[TIFF_WIDTH]), int(tags[TIFF_LENGTH])
    tile = int(tags.get(TIFF_TILE_WIDTH, 0)), int(tags.get(TIFF_TILE_LENGTH, 0))
    # A tile may be larger than its image, and the decoder makes room for all of it.
    return max(size, tile, key=math.prod)


def _opened_by(
    plugin: Plugin, media_type: str, *starts: bytes, may_exceed: bool = False
) -> ImageFormat:
    """Return a format whose files tell their size when they are opened."""
    read_size = partial(_opened_size, plugin)
    return ImageFormat(media_type, starts, read_size, plugin, may_exceed=may_exceed)


_FORMATS = (
    ImageFormat("image/jpeg", (b"\xff\xd8\xff",), _jpeg_size, _open_jpeg, tells_at_once=True),
    _opened_by(PngImagePlugin.PngImageFile, "image/png", b"\x89PNG\r\n\x1a\n"),
    _opened_by(GifImagePlugin.GifImageFile, "image/gif", b"GIF8"),
    ImageFormat("image/tiff", TIFF_STARTS, _tiff_size, TiffImagePlugin.TiffImageFile),
    _opened_by(BmpImagePlugin.BmpImageFile, "image/bmp", b"BM"),
    _opened_by(
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        "image/jp2",
        b"\x00\x00\x00\x0cjP  \r\n\x87\n",
        b"\xff\x4f\xff\x51",  # a bare codestream
    ),
)
_WEBP = ImageFormat("image/webp", (b"RIFF",), _webp_size, WebPImagePlugin.WebPImageFile)
# The codestream may hold more pixels than the file says, 268 MP at most: 390 MiB for half a second.
_AVIF = _opened_by(AvifImagePlugin.AvifImageFile, "image/avif", may_exceed=True)
