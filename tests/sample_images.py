"""Makers of odd, broken and hostile images, for the tests of decoding and of the whole mesh.

Most odd images show the same four quarters, 64 x 48 px: see `QUARTERS`.
"""

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

QUARTERS = ((200, 40, 40), (40, 160, 60), (40, 60, 200), (250, 250, 250))
"""Colors at top left, top right, bottom left and bottom right."""

GREY_QUARTERS = (0, 85, 170, 255)
"""The same for the images whose name starts with "grey-"."""

MUTATIONS = 2000


def odd_images() -> dict[str, bytes]:
    """Return one valid image of every unusual kind, by name; its file format ends the name."""
    return {
        **_color_images(),
        **_color_tiffs(),
        **_transparent_images(),
        **_grey_images(),
        **_rotated_images(),
        **_tiny_and_thin_images(),
    }


def broken_images() -> Iterator[tuple[str, bytes]]:
    """Yield real files cut at every tenth byte, then 2,000 random mutations of real files."""
    whole = _real_images()
    for name, content in whole.items():
        for length in range(0, len(content), 10):
            yield f"{name} cut at {length}", content[:length]
    chance = random.Random(20)  # noqa: S311 (not for secrets)
    for number in range(MUTATIONS):
        name = chance.choice(sorted(whole))
        yield f"{name} mutation {number}", _mutated(whole[name], chance)


def oversized_images() -> dict[str, bytes]:
    """Return small files whose headers announce 30000 x 30000 px (WebP: 16383)."""
    side = 30_000
    jpeg = bytearray(_saved(_quarters(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5
    jpeg[frame : frame + 4] = struct.pack(">HH", side, side)
    gif = bytearray(_saved(_quarters().convert("P"), "GIF"))
    gif[6:10] = struct.pack("<HH", side, side)
    bmp = bytearray(_saved(_quarters(), "BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    webp = bytearray(_saved(_quarters(), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", 16382 | 16382 << 14)
    return {
        "jpeg": bytes(jpeg),
        "png": png_file((side, side), depth=8, color_type=2, rows=b""),
        "gif": bytes(gif),
        "bmp": bytes(bmp),
        "tiff": tiff_file({256: (side,), 257: (side,), 273: (8,), 279: (8,)}),
        "webp": bytes(webp),
    }


def bomb_images() -> dict[str, bytes]:
    """Return files of at most 10 MiB that would cost gigabytes or minutes if they were believed."""
    text = b"Comment\0\0" + zlib.compress(bytes(50_000_000))
    rows = bytes(65 * 48)
    jpeg = _saved(_quarters(), "JPEG", progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    wide_gif = bytearray(_saved(_quarters().convert("P"), "GIF"))
    frame = wide_gif.index(b",\0\0\0\0") + 5
    wide_gif[frame : frame + 4] = b"\xff\xff\xff\xff"
    thin = struct.pack("<2sIIIIiiHHI", b"BM", 0, 0, 54, 40, 25_000_000, 1, 1, 8, 1) + bytes(20)
    grey = {256: (64,), 257: (48,), 258: (8,), 262: (1,), 277: (1,)}
    tile = zlib.compress(bytes(400_000_000), 1)
    return {
        "text.png": png_file((64, 48), depth=8, color_type=0, rows=rows, chunks=((b"zTXt", text),)),
        "profile.png": png_file(
            (64, 48), depth=8, color_type=0, rows=rows, chunks=((b"iCCP", text),)
        ),
        "rows.png": png_file((64, 48), depth=8, color_type=0, rows=bytes(50_000_000)),
        "scans.jpeg": jpeg[:-2] + scan * (5_000_000 // len(scan)) + b"\xff\xd9",
        "frame.gif": bytes(wide_gif),
        "thin.bmp": thin + b"\0\2\xff\xff" * 100_000,
        "strips.tiff": tiff_file({**grey, 273: (8,) * 2_500_000, 278: (1,)}),
        "tile.tiff": tiff_file(
            {**grey, 259: (8,), 322: (20_000,), 323: (20_000,), 324: (8,), 325: (len(tile),)}, tile
        ),
    }


def png_file(
    size_px: tuple[int, int],
    *,
    depth: int,
    color_type: int,
    rows: bytes,
    chunks: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """Return a PNG of filtered rows that need not fit its header; `chunks` stand before them."""
    header = struct.pack(">IIBBBBB", *size_px, depth, color_type, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def tiff_file(tags: dict[int, tuple[int, ...]], pixels: bytes = b"") -> bytes:
    """Return a little-endian TIFF whose pixels stand at byte 8 and whose tags are all LONG."""
    first = 8 + len(pixels)
    entries, data = b"", b""
    offset = first + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        where = packed if len(values) == 1 else struct.pack("<I", offset + len(data))
        entries += struct.pack("<HHI", tag, 4, len(values)) + where
        data += b"" if len(values) == 1 else packed
    header = struct.pack("<2sHI", b"II", 42, first)
    return header + pixels + struct.pack("<H", len(tags)) + entries + bytes(4) + data


def _color_images() -> dict[str, bytes]:
    image = _quarters()
    palette = image.quantize(16)
    cmyk = image.convert("CMYK")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, green, blue = image.split()
    deep = np.asarray(image, dtype=">u2") * 257
    return {
        "jpeg": _saved(image, "JPEG", quality=95),
        "progressive.jpeg": _saved(image, "JPEG", quality=95, progressive=True),
        "cmyk.jpeg": _saved(cmyk, "JPEG", quality=95),
        "ycck.jpeg": _ycck(image),
        "broken-profile.jpeg": _saved(image, "JPEG", quality=95, icc_profile=profile[:200]),
        "broken-exif.jpeg": _saved(image, "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff"),
        # A profile that names its red primary blue, for an image that does the same.
        "swapped-profile.png": _saved(
            Image.merge("RGB", (blue, green, red)), "PNG", icc_profile=_swapped(profile)
        ),
        "grey-profile-on-color.png": _saved(
            image, "PNG", icc_profile=profile.replace(b"RGB ", b"GRAY")
        ),
        "palette.png": _saved(palette, "PNG"),
        "16-bit.png": png_file(
            image.size,
            depth=16,
            color_type=2,
            rows=b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep),
        ),
        "lossless.webp": _saved(image, "WEBP", lossless=True),
        "animated.webp": _saved(
            image, "WEBP", lossless=True, save_all=True, append_images=[ImageChops.invert(image)]
        ),
        "gif": _saved(palette, "GIF"),
        "animated.gif": _saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        "bmp": _saved(image, "BMP"),
        "palette.bmp": _saved(palette, "BMP"),
    }


def _color_tiffs() -> dict[str, bytes]:
    image = _quarters()
    return {
        "tiff": _saved(image, "TIFF"),
        "lzw.tiff": _saved(image, "TIFF", compression="tiff_lzw"),
        "deflate.tiff": _saved(image, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tiff": _saved(image, "TIFF", compression="jpeg", quality=95),
        "big.tiff": _saved(image, "TIFF", big_tiff=True),
        "pages.tiff": _saved(
            image, "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]
        ),
        "cmyk.tiff": _saved(image.convert("CMYK"), "TIFF"),
        "lab.tiff": _saved(image.convert("LAB"), "TIFF"),
        "ycbcr.tiff": _saved(image.convert("YCbCr"), "TIFF"),
        "palette.tiff": _saved(image.quantize(16), "TIFF"),
    }


def _transparent_images() -> dict[str, bytes]:
    """The lower right quarter, white elsewhere, is black and fully transparent here."""
    image = _quarters()
    image.paste((0, 0, 0), (32, 24, 64, 48))
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (32, 24, 64, 48))
    with_alpha = image.copy()
    with_alpha.putalpha(alpha)
    palette = image.quantize(16)
    black = palette.getpixel((48, 36))
    grey = _grey_quarters()
    grey.paste(7, (32, 24, 64, 48))
    grey_with_alpha = grey.copy()
    grey_with_alpha.putalpha(alpha)
    return {
        "alpha.png": _saved(with_alpha, "PNG"),
        "alpha.webp": _saved(with_alpha, "WEBP", lossless=True),
        "alpha.tiff": _saved(with_alpha, "TIFF"),
        "palette-alpha.png": _saved(palette, "PNG", transparency=black),
        "palette-alpha.gif": _saved(palette, "GIF", transparency=black),
        "key-color.png": _saved(image, "PNG", transparency=(0, 0, 0)),
        "grey-alpha.png": _saved(grey_with_alpha, "PNG"),
        "grey-alpha.tiff": _saved(grey_with_alpha, "TIFF"),
        "grey-key.png": _saved(grey, "PNG", transparency=7),
    }


def _grey_images() -> dict[str, bytes]:
    grey = _grey_quarters()
    levels = np.asarray(grey)
    deep = Image.fromarray(levels.astype(np.uint16) * 257)
    return {
        "grey-8.jpeg": _saved(grey, "JPEG", quality=95),
        "grey-16.png": _saved(deep, "PNG"),
        "grey-16.tiff": _saved(deep, "TIFF"),
        "grey-2.png": png_file(
            grey.size,
            depth=2,
            color_type=0,
            rows=(b"\0" + b"\x00" * 8 + b"\x55" * 8) * 24
            + (b"\0" + b"\xaa" * 8 + b"\xff" * 8) * 24,
        ),
        "grey-float.tiff": _saved(Image.fromarray(levels.astype(np.float32) / 255), "TIFF"),
        "grey-wide-float.tiff": _saved(Image.fromarray(levels.astype(np.float32) * 40), "TIFF"),
        "grey-nan.tiff": _saved(Image.fromarray(_with_nan(levels)), "TIFF"),
        "grey-32.tiff": _saved(Image.fromarray(levels.astype(np.int32) * 1000), "TIFF"),
        "grey-8.webp": _saved(grey, "WEBP", lossless=True),
        "grey-8.gif": _saved(grey, "GIF"),
        "grey-8.bmp": _saved(grey, "BMP"),
    }


def _rotated_images() -> dict[str, bytes]:
    """Every EXIF orientation; upright, all of them show the same quarters."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    images = {}
    for orientation, transpose in undo.items():
        image = _quarters() if transpose is None else _quarters().transpose(transpose)
        exif = Image.Exif()
        exif[0x0112] = orientation
        for name in ("JPEG", "PNG", "WEBP", "TIFF"):
            options = {"lossless": True} if name == "WEBP" else {}
            images[f"orientation-{orientation}.{name.lower()}"] = _saved(
                image, name, exif=exif, **options
            )
    return images


def _tiny_and_thin_images() -> dict[str, bytes]:
    images = {}
    for size in ((1, 1), (1, 4000), (4000, 1)):
        image = Image.new("RGB", size, QUARTERS[0])
        for name in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
            images[f"plain-{size[0]}x{size[1]}.{name.lower()}"] = _saved(image, name)
    for depth, name in ((1, "PNG"), (1, "BMP"), (1, "TIFF")):
        images[f"black-{depth}-bit.{name.lower()}"] = _saved(Image.new("1", (9, 7)), name)
    fax = Image.new("1", (9, 7))
    images["black-fax.tiff"] = _saved(fax, "TIFF", compression="group4")
    return images


def _real_images() -> dict[str, bytes]:
    """Return a small image with all frequencies in every format and its main variants."""
    rows, columns = np.mgrid[0:48, 0:64]
    noise = np.random.default_rng(7).integers(0, 40, (48, 64, 3))
    ramp = np.stack([rows * 4, columns * 3, 200 - rows - columns], axis=-1)
    image = Image.fromarray((ramp + noise).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": _saved(image, "JPEG", exif=exif),
        "progressive.jpeg": _saved(image, "JPEG", progressive=True),
        "cmyk.jpeg": _saved(image.convert("CMYK"), "JPEG"),
        "png": _saved(image.quantize(16), "PNG", exif=exif),
        "webp": _saved(image, "WEBP"),
        "lossless.webp": _saved(image.resize((32, 24)), "WEBP", lossless=True, exif=exif),
        "gif": _saved(image.quantize(32), "GIF"),
        "tiff": _saved(image.resize((32, 24)), "TIFF", exif=exif),
        "lzw.tiff": _saved(image.resize((32, 24)), "TIFF", compression="tiff_lzw"),
        "bmp": _saved(image.resize((32, 24)), "BMP"),
        "avif": _saved(image, "AVIF"),
        "jp2": _saved(image.resize((32, 24)), "JPEG2000"),
    }


def _mutated(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 12)):
        position = chance.randrange(len(changed))
        kind = chance.random()
        if kind < 0.8:
            changed[position] = chance.randrange(256)
        elif kind < 0.9:
            del changed[position : position + chance.randint(1, 30)]
        else:
            changed[position:position] = chance.randbytes(chance.randint(1, 30))
    return bytes(changed)


def _quarters() -> Image.Image:
    image = Image.new("RGB", (64, 48))
    for color, corner in zip(QUARTERS, ((0, 0), (32, 0), (0, 24), (32, 24)), strict=True):
        image.paste(color, (*corner, corner[0] + 32, corner[1] + 24))
    return image


def _grey_quarters() -> Image.Image:
    image = Image.new("L", (64, 48))
    for level, corner in zip(GREY_QUARTERS, ((0, 0), (32, 0), (0, 24), (32, 24)), strict=True):
        image.paste(level, (*corner, corner[0] + 32, corner[1] + 24))
    return image


def _with_nan(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = levels.astype(np.float32)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    return values


def _ycck(image: Image.Image) -> bytes:
    """Return a four-component JPEG as Adobe writes it: YCbCr of the inks, and K, all inverted."""
    inks = ImageChops.invert(image).convert("YCbCr")
    luma, blue, red = (ImageChops.invert(band) for band in inks.split())
    black = Image.new("L", image.size, 0)
    content = _saved(Image.merge("CMYK", (luma, blue, red, black)), "JPEG", quality=95)
    marker = b"Adobe\0\x64\0\0\0\0"
    return content.replace(marker + b"\0", marker + b"\2")


def _swapped(profile: bytes) -> bytes:
    """Return an sRGB profile whose red and blue primaries have changed places."""
    return profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, file_format, **options)
    return output.getvalue()
