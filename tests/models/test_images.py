"""The zipped image sets."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from models.training.images import load_images, read_classes


def archive(path: Path, images: dict[str, int]) -> Path:
    """Write grey PNG files of one level each."""
    with zipfile.ZipFile(path, "w") as opened:
        for name, level in images.items():
            with io.BytesIO() as file:
                Image.new("L", (4, 4), level).save(file, "PNG")
                opened.writestr(name, file.getvalue())
    return path


def test_labels_are_the_order_of_the_classes(tmp_path: Path) -> None:
    first = archive(tmp_path / "first.zip", {"cat/1.png": 10, "dog/1.png": 20})
    second = archive(tmp_path / "second.zip", {"cat/2.png": 30})

    loaded = load_images([first, second], ["dog", "cat"], mode="L", cache=tmp_path / "c.npy")

    assert loaded.images.shape == (3, 4, 4, 1)
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert loaded.labels.tolist() == [1, 0, 1]


def test_images_are_decoded_once(tmp_path: Path) -> None:
    path = archive(tmp_path / "first.zip", {"cat/1.png": 10})
    cache = tmp_path / "cache" / "c.npy"
    before = load_images([path], ["cat"], mode="RGB", cache=cache)
    path.unlink()

    after = load_images([path], ["cat"], mode="RGB", cache=cache)

    assert np.array_equal(before.images, after.images)
    assert np.array_equal(before.labels, after.labels)


def test_names_of_classes_are_read_by_folder(tmp_path: Path) -> None:
    table = tmp_path / "classes.tsv"
    table.write_text("n02\tcat, tabby\nn01\tdog\n", encoding="utf-8")

    assert read_classes(table) == {"n02": "cat, tabby", "n01": "dog"}
