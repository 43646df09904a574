"""Any Pillow image to an upright, opaque sRGB one: depth, palette, alpha, profile, orientation."""

import io

import numpy as np
from PIL import Image, ImageCms

_ORIENTATION_TAG = 0x0112
# EXIF 2.32, section 4.6.4 A: the value says where the stored row 0 and column 0 belong.
TRANSPOSES: dict[int | None, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Of what lies behind transparent pixels.
_WHITE = 255
_GROUNDS = (_WHITE, 0, 128)  # the first of the best is taken
_ENOUGH_CONTRAST = 64.0
_FAINT_PERCENT = 10.0  # of the edges may have less contrast: they are smoothed
_OPAQUE = 200
_EDGE_PX = 3
_SAMPLED_ROWS = 1000
DEEP_MODES = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def upright_srgb(image: Image.Image, *, in_contrast: bool = False) -> Image.Image:
    """Return an RGB image, upright, over white, in the sRGB color space.

    Args:
        image: as Pillow reads it.
        in_contrast: what is transparent gets a grey that the opaque edges beside it stand out from.
    """
    transpose = TRANSPOSES.get(orientation_of(image))
    colors, alpha = _split(image)
    del image  # 100 MB for 25 MP
    if alpha is not None:
        colors = _over(_contrasting(colors, alpha) if in_contrast else _WHITE, colors, alpha)
    return colors if transpose is None else colors.transpose(transpose)


def upright_rgba(image: Image.Image) -> Image.Image:
    """Return an upright image in the sRGB color space with its alpha channel, RGBA."""
    transpose = TRANSPOSES.get(orientation_of(image))
    colors, alpha = _split(image)
    if alpha is not None:
        colors.putalpha(alpha)
    colors = colors.convert("RGBA")
    return colors if transpose is None else colors.transpose(transpose)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colors as RGB, and the alpha channel where there is one."""
    profile = image.info.get("icc_profile")
    if image.mode in DEEP_MODES:
        image = _eight_bit_grey(image)
    if image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    return _to_srgb(image, profile), alpha


def orientation_of(image: Image.Image) -> int | None:
    """Return the EXIF orientation of an image; None where its metadata tell none."""
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    # An edge: metadata that cannot be parsed raises any class, and no image is refused for it.
    except Exception:  # noqa: BLE001
        return None


def _eight_bit_grey(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits by its type; of 32 bits, where there is no custom, by its content."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, posinf=0, neginf=0)
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    values -= low
    values *= 255 / (high - low)
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    converted = _by_profile(image, profile) if profile else None
    if converted is not None:
        return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _by_profile(image: Image.Image, profile_bytes: bytes) -> Image.Image | None:
    """Return the colors that the profile means; None when it is broken or not for this image."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        mode = PROFILE_MODES[profile.profile.xcolor_space]
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return None
        return ImageCms.profileToProfile(
            image if image.mode == mode else image.convert(mode),
            profile,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return None


def _over(level: int, colors: Image.Image, alpha: Image.Image) -> Image.Image:
    ground = Image.new("RGB", colors.size, (level,) * 3)
    ground.paste(colors, mask=alpha)
    return ground


def _contrasting(colors: Image.Image, alpha: Image.Image) -> int:
    """Return the grey level that opaque pixels beside transparent ones differ from.

    White where that does; else black or, where letters are both dark and light, the middle.
    """
    width, height = colors.size
    found = []
    for top in range(0, height, max(1, height // _SAMPLED_ROWS)):
        row = (0, top, width, top + 1)
        opaque = np.asarray(alpha.crop(row))[0] > _OPAQUE
        clear = np.pad(~opaque, _EDGE_PX)
        beside = [clear[start : start + width] for start in range(2 * _EDGE_PX + 1)]
        levels = np.asarray(colors.crop(row).convert("L"))[0]
        found.append(levels[opaque & np.any(beside, axis=0)])
    edges = np.concatenate(found).astype(int)
    if not edges.size:
        return _WHITE
    contrasts = {
        level: float(np.percentile(np.abs(edges - level), _FAINT_PERCENT)) for level in _GROUNDS
    }
    if contrasts[_WHITE] >= _ENOUGH_CONTRAST:
        return _WHITE
    return max(contrasts, key=contrasts.__getitem__)
