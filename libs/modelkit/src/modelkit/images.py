"""Decoding of image files to upright sRGB pixels and encoding, with limits for hostile files.

Every image of a caller goes through `decode_image`. It raises `UnreadableImage` and nothing else,
before memory is spent on pixels where the header tells enough.
"""

import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modelkit import formats, srgb
from servicekit.errors import UnreadableImage
from servicekit.limits import MAX_IMAGE_BYTES

RgbImage: TypeAlias = NDArray[np.uint8]
"""Pixels as the mesh passes them on: (height, width, 3) uint8, sRGB, upright, origin top left."""

PIXELS_PER_MP = 1_000_000
MAX_SIDE_PX = 65_535  # what JPEG and GIF can say; a longer side is a trap, not an image
JPEG_QUALITY = 95
BAND_ROWS = 64  # a longer band of a large image is memory that is mapped anew each time


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of an image.

    Attributes:
        max_bytes: Size of the file, in bytes.
        max_pixels: Width times height, judged from the header before anything is decoded.
    """

    max_bytes: int = MAX_IMAGE_BYTES
    max_pixels: int = 25_000_000


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Decoded image.

    Attributes:
        pixels: (height, width, 3) uint8, sRGB, upright; read-only.
        media_type: What the file was, such as "image/jpeg".
    """

    pixels: RgbImage
    media_type: str


def decode_image(content: bytes, limits: ImageLimits, *, in_contrast: bool = False) -> DecodedImage:
    """Read a JPEG, PNG, WebP, GIF (first frame), TIFF (first page) or BMP file.

    EXIF orientation is applied, transparency lies over white, and every color mode ends as
    sRGB: palettes, grey of 1 to 32 bits, CMYK, Lab, and whatever an embedded ICC profile says.
    `in_contrast` lays transparency over a grey that what is opaque stands out from, for reading.

    Raises:
        UnreadableImage: The file is none of the six formats, damaged, truncated or over a limit.
    """
    if len(content) > limits.max_bytes:
        raise UnreadableImage(f"image is {len(content)} bytes; the limit is {limits.max_bytes}")
    file_format = formats.recognize(content)
    try:
        _check_size(file_format.read_size(content), limits)
        pixels = _decode(content, file_format, limits, in_contrast=in_contrast)
    except UnreadableImage:
        raise
    # The edge of the codecs: on hostile bytes Pillow raises any class, from struct.error to
    # MemoryError, and to the caller each of them means the same.
    except Exception as error:
        raise UnreadableImage("image is damaged or truncated; send a whole file") from error
    return DecodedImage(pixels, file_format.media_type)


def encode_image(pixels: RgbImage, media_type: str, *, xmp: bytes = b"") -> bytes:
    """Write pixels as a file without any metadata but that which is given.

    Args:
        pixels: (height, width, 3) uint8, sRGB.
        media_type: "image/jpeg" (quality 95, no chroma subsampling) or "image/png".
        xmp: XMP packet, UTF-8; empty writes none.

    Raises:
        ValueError: The media type is neither of the two.
    """
    output = io.BytesIO()
    image = Image.fromarray(pixels)
    if media_type == "image/jpeg":
        image.save(output, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", xmp=xmp)
    elif media_type == "image/png":
        marks = PngInfo()
        if xmp:
            marks.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(output, "PNG", pnginfo=marks)
    else:
        raise ValueError(f"media type is {media_type!r}; it must be image/jpeg or image/png")
    return output.getvalue()


def _decode(
    content: bytes,
    file_format: formats.FileFormat,
    limits: ImageLimits,
    *,
    in_contrast: bool,
) -> RgbImage:
    if file_format.media_type == "image/jpeg":
        pixels = _decode_plain_jpeg(content, file_format)
        if pixels is not None:
            return pixels
    image = _load(content, file_format, limits)
    return _to_array(srgb.upright_srgb(image, in_contrast=in_contrast))


def _decode_plain_jpeg(content: bytes, file_format: formats.FileFormat) -> RgbImage | None:
    """Return the pixels of a JPEG of the usual kind in half of Pillow's time, and the same ones.

    None for the others, which are left to Pillow: CMYK, with a profile, turned, or damaged.
    """
    with file_format.open(io.BytesIO(content)) as image:
        if (
            image.mode not in {"RGB", "L"}
            or "icc_profile" in image.info
            or not srgb.is_upright(image)
        ):
            return None
    try:
        pixels: RgbImage = simplejpeg.decode_jpeg(content, "RGB")
    except ValueError:
        return None
    pixels.flags.writeable = False
    return pixels


def _load(content: bytes, file_format: formats.FileFormat, limits: ImageLimits) -> Image.Image:
    with file_format.open(io.BytesIO(content)) as image:
        # Asked again: the frame of a GIF may be larger than the screen its header announces.
        _check_size(image.size, limits)
        image.load()
        if file_format.media_type == "image/jpeg":
            return image
        # The image itself holds on to its decoder: 200 MB for 25 MP of WebP, next to none of JPEG.
        return image.copy()


def _to_array(image: Image.Image) -> RgbImage:
    """Copy the pixels in bands: Pillow's own export holds an image three times while it runs."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND_ROWS):
        bottom = min(top + BAND_ROWS, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    pixels.flags.writeable = False
    return pixels


def _check_size(size_px: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size_px
    if width * height > limits.max_pixels:
        raise UnreadableImage(
            f"image is {width * height / PIXELS_PER_MP:.1f} MP; "
            f"the limit is {limits.max_pixels / PIXELS_PER_MP:.1f} MP"
        )
    if max(size_px) > MAX_SIDE_PX:
        raise UnreadableImage(
            f"image is {width} x {height} px; the limit is {MAX_SIDE_PX} px a side"
        )
