"""Each training command, from its data to a graph that the service opens, on drawn data."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize.model import Colorizer
from modelkit.runtime import Runtime
from models.emotions.train import EMOTION_FOLDERS
from vision.emotions import EMOTIONS, EmotionClassifier
from vision.geometry import Box

ROOT = Path(__file__).parents[2]

CLASSES = [f"n{number:03}" for number in range(200)]
RNG = np.random.default_rng(5)


def write_archive(path: Path, folders: Iterable[str], *, size_px: int, mode: str) -> None:
    """Write one image of colored noise for each folder named."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        for number, folder in enumerate(folders):
            level = RNG.integers(0, 200, 3)
            pixels = (level + RNG.integers(0, 55, (size_px, size_px, 3))).astype(np.uint8)
            with io.BytesIO() as file:
                Image.fromarray(pixels).convert(mode).save(file, "PNG")
                opened.writestr(f"{folder}/{number}.png", file.getvalue())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    faces = list(EMOTION_FOLDERS) * 10
    for part in ("train", "val"):
        write_archive(folder / f"fer2013/{part}.zip", faces, size_px=48, mode="L")
    for name in ("imagenet-samples", "bsds500", "clothing"):
        write_archive(folder / f"photos/{name}.zip", ["photo"] * 2, size_px=140, mode="RGB")
    images = folder / "tiny-imagenet"
    for number in range(8):
        some = CLASSES[number * 25 :][:25]
        write_archive(images / f"train-{number}.zip", some, size_px=64, mode="RGB")
    write_archive(images / "val.zip", CLASSES[:8], size_px=64, mode="RGB")
    table = "".join(f"{name}\tthing {name}\n" for name in CLASSES)
    (images / "classes.tsv").write_text(table, encoding="utf-8")
    return folder


def train(task: str, data: Path, out: Path, *, command: str = "train") -> Path:
    """Run one epoch of a command and return the graph that is exported from its weights."""
    weights, graph = out / f"{task}.safetensors", out / f"{task}.onnx"
    options = ["--data", data, "--out", out / task, "--weights", weights, "--epochs", "1"]
    options += ["--metrics", out / "metrics.json", "--threads", "1", "--device", "cpu"]
    run(f"models.{task}.{command}", *options)
    assert json.loads((out / "metrics.json").read_text())["epochs"] == 1
    run(f"models.{task}.export", "--weights", weights, "--graph", graph)
    return graph


def run(module: str, *options: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, options)], check=True, cwd=ROOT)


@pytest.mark.parametrize("command", ["train", "distill"])
def test_emotions_are_trained_and_load(data: Path, tmp_path: Path, command: str) -> None:
    graph = train("emotions", data, tmp_path, command=command)

    face = np.zeros((64, 64, 3), np.uint8)
    emotions = EmotionClassifier(Runtime().open(graph)).classify_face(face, Box(8, 8, 56, 56))

    assert {emotion.name for emotion in emotions} == set(EMOTIONS)


def test_colorize_is_trained_and_loads(data: Path, tmp_path: Path) -> None:
    graph = train("colorize", data, tmp_path)

    photo = np.full((40, 60, 3), 90, np.uint8)

    assert Colorizer(Runtime().open(graph)).colorize(photo).shape == (40, 60, 3)
