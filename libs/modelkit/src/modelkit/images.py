"""Decoding of image files to upright sRGB pixels and encoding, with limits for hostile files.

Every image of a caller goes through `decode_image`. It raises `UnreadableImage` and nothing else,
before memory is spent on pixels where the header tells enough.
"""

import io
import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modelkit import formats, srgb
from modelkit.doubts import ImageWarning, truncated
from modelkit.truncation import has_no_end, lost_share, with_end
from servicekit.errors import UnreadableImage
from servicekit.limits import MAX_IMAGE_BYTES

RgbImage: TypeAlias = NDArray[np.uint8]
"""Pixels as the mesh passes them on: (height, width, 3) uint8, sRGB, upright, origin top left."""

RgbaImage: TypeAlias = NDArray[np.uint8]
"""The same with an alpha channel: (height, width, 4) uint8."""

PIXELS_PER_MP = 1_000_000
MAX_SIDE_PX = 65_535  # what JPEG and GIF can say; a longer side is a trap, not an image
JPEG_QUALITY = 95
_MOST_LOST = 0.5  # of the rows of a JPEG that ends too early
# Pillow's words for what it lacks, such as "cannot handle 12-bit layers".
_LACKING = re.compile(
    r"unsupported|cannot handle|not available|not supported|unknown (?:pixel )?mode", re.IGNORECASE
)
_OPAQUE = 255  # of alpha
BAND_ROWS = 64  # a longer band of a large image is memory that is mapped anew each time


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of an image.

    Attributes:
        max_bytes: size of the file, in bytes.
        max_pixels: width times height, judged from the header before anything is decoded.
    """

    max_bytes: int = MAX_IMAGE_BYTES
    max_pixels: int = 25_000_000


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Decoded image.

    Attributes:
        pixels: (height, width, 3) uint8, sRGB, upright; read-only.
        media_type: that of the file, such as "image/jpeg".
        warnings: what is missing of it.
        is_oriented: its metadata say which side is up.
    """

    pixels: RgbImage
    media_type: str
    warnings: tuple[ImageWarning, ...] = ()
    is_oriented: bool = False


def decode_image(content: bytes, limits: ImageLimits, *, in_contrast: bool = False) -> DecodedImage:
    """Read a JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF or JPEG 2000 file; the first frame or page.

    A JPEG without its end is read where at least half of its rows are there. EXIF orientation is
    applied, transparency lies over white, and every color mode ends as sRGB: palettes, grey of 1 to
    32 bits, CMYK, Lab, and whatever an embedded ICC profile says. `in_contrast` lays transparency
    over a grey that the opaque part stands out from, for reading.

    Raises:
        UnreadableImage: the file is of no such format, damaged, truncated or over a limit.
    """
    if len(content) > limits.max_bytes:
        raise UnreadableImage(f"image is {len(content)} bytes; the limit is {limits.max_bytes}")
    image_format = formats.recognize(content)
    try:
        check_size(image_format.read_size(content), limits)
        return _decode(content, image_format, limits, in_contrast=in_contrast)
    except UnreadableImage:
        raise
    # The edge of the codecs: on hostile bytes Pillow raises any class, from struct.error to
    # MemoryError, and to the caller each of them means the same.
    except Exception as error:
        raise UnreadableImage(_reason_of(error)) from error


def decode_transparent(content: bytes) -> RgbaImage | None:
    """Return an image that `decode_image` takes with its alpha; None where all of it is opaque.

    Returns:
        (height, width, 4) uint8, sRGB, upright; what lies behind transparent pixels is arbitrary.
    """
    image_format = formats.recognize(content)
    if image_format.media_type == "image/jpeg":
        return None
    with image_format.open(io.BytesIO(content)) as image:
        if not image.has_transparency_data:
            return None
        image.load()
        pixels = np.array(srgb.upright_rgba(image))
    return pixels if pixels[..., 3].min() < _OPAQUE else None


def encode_image(pixels: RgbImage, media_type: str, *, xmp: bytes = b"") -> bytes:
    """Write pixels as a file without any metadata but that which is given.

    Args:
        pixels: (height, width, 3) uint8, sRGB; with an alpha channel as the fourth for a PNG.
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


def _reason_of(error: Exception) -> str:
    """Return the words for an error of a codec: the file is damaged, or of a kind it lacks."""
    if isinstance(error, NotImplementedError) or _LACKING.search(str(error)):
        return "image is of a kind that its format allows and that is not read; send it as PNG"
    return "image is damaged or truncated; send a whole file"


def _decode(
    content: bytes,
    image_format: formats.ImageFormat,
    limits: ImageLimits,
    *,
    in_contrast: bool,
) -> DecodedImage:
    is_jpeg = image_format.media_type == "image/jpeg"
    is_cut = is_jpeg and has_no_end(content)
    if is_jpeg and not is_cut:
        decoded = _decode_plain_jpeg(content, image_format)
        if decoded is not None:
            return decoded
    image = _load(with_end(content) if is_cut else content, image_format, limits)
    warnings = (truncated(_require_rows(image)),) if is_cut else ()
    is_oriented = srgb.orientation_of(image) is not None
    pixels = to_array(srgb.upright_srgb(image, in_contrast=in_contrast))
    return DecodedImage(pixels, image_format.media_type, warnings, is_oriented)


def _require_rows(image: Image.Image) -> float:
    """Return the share of the rows that is lost of a JPEG, of which half must be there."""
    lost = lost_share(image)
    if lost > _MOST_LOST:
        raise UnreadableImage(
            f"image ends too early: {lost:.0%} of its rows are missing; send a whole file"
        )
    return lost


def _decode_plain_jpeg(content: bytes, image_format: formats.ImageFormat) -> DecodedImage | None:
    """Decode a JPEG of the usual kind in half of Pillow's time, to the same pixels.

    None for the others, which are left to Pillow: CMYK, with a profile, turned, or damaged.
    """
    with image_format.open(io.BytesIO(content)) as image:
        orientation = srgb.orientation_of(image)
        is_turned = orientation in srgb.TRANSPOSES
        if image.mode not in {"RGB", "L"} or "icc_profile" in image.info or is_turned:
            return None
    try:
        pixels: RgbImage = simplejpeg.decode_jpeg(content, "RGB")
    except ValueError:
        return None
    pixels.flags.writeable = False
    return DecodedImage(pixels, image_format.media_type, is_oriented=orientation is not None)


def _load(content: bytes, image_format: formats.ImageFormat, limits: ImageLimits) -> Image.Image:
    with image_format.open(io.BytesIO(content)) as image:
        # Asked again: the frame of a GIF may be larger than the screen its header announces.
        check_size(image.size, limits)
        image.load()
        if image_format.media_type == "image/jpeg":
            return image
        # The image itself holds on to its decoder: 200 MB for 25 MP of WebP, next to none of JPEG.
        return image.copy()


def to_array(image: Image.Image) -> RgbImage:
    """Copy the pixels in bands: Pillow's own export holds an image three times while it runs."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND_ROWS):
        bottom = min(top + BAND_ROWS, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    pixels.flags.writeable = False
    return pixels


def check_size(size_px: tuple[int, int], limits: ImageLimits) -> None:
    """Raise UnreadableImage where a size in pixels, (width, height), is over a limit."""
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
