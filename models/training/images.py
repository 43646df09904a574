"""Read the zipped image sets once into arrays."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images of one size with their classes.

    Attributes:
        images: (count, height, width, channels) uint8, sRGB or grey.
        labels: (count,) index into the classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def load_images(
    archives: Sequence[Path], classes: Sequence[str], *, mode: str, cache: Path
) -> ImageSet:
    """Return the images of zip archives that hold CLASS/NAME files, all of one size.

    Args:
        archives: The zip files.
        classes: The folder names in the order of the labels.
        mode: "RGB" or "L".
        cache: The decoded arrays go to this .npy file and its neighbour, and come from there
            the next time.
    """
    labels_file = cache.with_suffix(".labels.npy")
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        images, labels = _decode(archives, classes, mode=mode)
        np.save(labels_file, labels)
        np.save(cache, images)
    # Copy-on-write: torch wants arrays that may be written.
    return ImageSet(np.load(cache, mmap_mode="c"), np.load(labels_file))


def read_archive(archive: Path, *, mode: str) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the folder and the pixels of each image of a zip, in the zip's order."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            image = Image.open(io.BytesIO(opened.read(name))).convert(mode)
            yield name.split("/")[0], np.array(image)


def read_photos(archive: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield name and pixels, (height, width, 3) sRGB, of each image of a zip, by name."""
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if name.lower().endswith(PHOTO_SUFFIXES):
                yield name, np.array(Image.open(io.BytesIO(opened.read(name))).convert("RGB"))


def read_classes(table: Path) -> dict[str, str]:
    """Return the name of each class by its folder, from lines of FOLDER, tab, NAME."""
    lines = table.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", maxsplit=1) for line in lines)


def _decode(
    archives: Sequence[Path], classes: Sequence[str], *, mode: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    index = {name: position for position, name in enumerate(classes)}
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for archive in archives:
        for label, image in read_archive(archive, mode=mode):
            images.append(np.atleast_3d(image))
            labels.append(index[label])
    return np.stack(images), np.array(labels, dtype=np.int64)
