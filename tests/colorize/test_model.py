"""The colorizer: lightness is kept, chroma follows edges; answers of its weights."""

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from colorize.merging import make_guide, merge_chroma
from colorize.model import Colorizer
from colorize.pixels import is_colored, lightness_of
from modelkit.colorization import ColorizerSpec
from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from modelkit.runtime import Array, Runtime
from modelkit.torch_network import load_module

GRAPH = Path(str(files("colorize") / "weights" / "colorize.onnx"))


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(Runtime().open(GRAPH, sizes_vary=True))


def landscape(height: int = 240, width: int = 320) -> RgbImage:
    """Draw a grey landscape: light sky, a hill, rough dark ground."""
    rows, columns = np.mgrid[0:height, 0:width]
    grey = 225 - 40.0 * rows / height
    hill = rows > height * (0.6 - 0.15 * np.sin(columns / width * np.pi))
    noise = np.random.default_rng(5).normal(0, 12, (height, width))
    grey = np.where(hill, 90 + noise, grey)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def lab(image: RgbImage) -> NDArray[np.float32]:
    shares = image.astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(shares, cv2.COLOR_RGB2LAB), dtype=np.float32)


def test_lightness_of_known_colors() -> None:
    """Source: the sRGB primaries in CIELAB under D65 (IEC 61966-2-1)."""
    colors = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [119, 119, 119]]], dtype=np.uint8)

    assert lightness_of(colors)[0] == pytest.approx([0, 100, 53.24, 50.03], abs=0.2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (37, 53), (600, 40), (520, 640)])
def test_answer_has_the_shape_of_the_image(colorizer: Colorizer, shape: tuple[int, int]) -> None:
    colored = colorizer.colorize(landscape(*shape))

    assert colored.shape == (*shape, 3)
    assert colored.dtype == np.uint8


def test_lightness_is_kept(colorizer: Colorizer) -> None:
    image = landscape()

    shift = np.abs(lightness_of(colorizer.colorize(image)) - lightness_of(image))

    assert shift.mean() < 0.5
    assert np.percentile(shift, 99) < 2


def test_read_only_pixels_are_accepted_and_left_alone(colorizer: Colorizer) -> None:
    image = landscape()
    image.setflags(write=False)

    colorizer.colorize(image)

    assert np.array_equal(image, landscape())


def test_one_chroma_for_all_is_given_to_all() -> None:
    image = np.full((700, 300, 3), 128, dtype=np.uint8)
    chroma = np.full((20, 10, 2), (20, -30), dtype=np.float32)

    merged = lab(merge_chroma(image, make_guide(image), chroma))

    assert merged[..., 1] == pytest.approx(np.full((700, 300), 20.0), abs=0.6)
    assert merged[..., 2] == pytest.approx(np.full((700, 300), -30.0), abs=0.6)


def test_chroma_follows_the_edge_of_the_lightness() -> None:
    """The small chroma has its step 24 px beside the edge; the image's edge wins."""
    image = np.full((512, 512, 3), 70, dtype=np.uint8)
    image[:, 256:] = 190
    chroma = np.zeros((32, 32, 2), dtype=np.float32)
    chroma[:, 16:] = (0, 40)

    merged = lab(merge_chroma(image, make_guide(image), chroma))[256, :, 2]

    assert merged[[100, 246]] == pytest.approx([0, 0], abs=8)
    assert merged[[265, 400]] == pytest.approx([40, 40], abs=8)


def test_bands_meet_without_a_seam() -> None:
    image = np.repeat(np.linspace(60, 200, 900).astype(np.uint8)[:, None, None], 3, axis=2)
    image = np.ascontiguousarray(np.repeat(image, 40, axis=1))
    chroma = np.zeros((45, 2, 2), dtype=np.float32)
    chroma[..., 1] = np.linspace(-30, 30, 45)[:, None]

    merged = lab(merge_chroma(image, make_guide(image), chroma))[:, 20, 2]

    # One step of Cb is 1.6 of b here.
    assert np.abs(np.diff(merged)).max() < 2


def test_chroma_is_not_mirrored_or_turned() -> None:
    image = np.full((64, 128, 3), 128, dtype=np.uint8)
    chroma = np.zeros((8, 16, 2), dtype=np.float32)
    chroma[:4, 8:, 0] = 40

    merged = lab(merge_chroma(image, make_guide(image), chroma))[..., 1]

    assert merged[8, 120] > 25
    assert np.abs(merged[[8, 56, 56], [8, 8, 120]]).max() < 10


def test_grey_and_sepia_are_not_colored() -> None:
    image = landscape()
    sepia = np.rint(image * np.array([1.0, 0.87, 0.68])).astype(np.uint8)

    assert not is_colored(image)
    assert not is_colored(sepia)


def test_blue_sky_over_green_ground_is_colored() -> None:
    image = landscape()
    image[:120] = (120, 170, 230)
    image[120:] = (80, 130, 60)

    assert is_colored(image)


def test_shipped_weights_answer_as_they_did(colorizer: Colorizer) -> None:
    """Numbers of the weights of the card; only new weights may change them."""
    colored = lab(colorizer.colorize(landscape()))

    sky, ground = colored[20:60, 40:280, 1:], colored[180:220, 40:280, 1:]
    assert sky.mean(axis=(0, 1)) == pytest.approx([-0.08, 0.25], abs=0.3)
    assert ground.mean(axis=(0, 1)) == pytest.approx([0.84, -1.95], abs=0.3)


def test_strength_multiplies_the_chroma(colorizer: Colorizer) -> None:
    grey, vivid = (
        np.abs(lab(colorizer.colorize(landscape(), strength=strength))[..., 1:]).mean()
        for strength in (0.0, 1.5)
    )
    usual = np.abs(lab(colorizer.colorize(landscape()))[..., 1:]).mean()

    assert grey < 1
    assert vivid == pytest.approx(1.5 * usual, rel=0.15)


def test_torch_answers_as_the_graph_does() -> None:
    lightness = lightness_of(landscape(128, 160))[np.newaxis, np.newaxis]
    module = load_module(GRAPH, "colorize.network:ChromaNetwork").eval()

    with torch.inference_mode():
        answer = module(torch.from_numpy(lightness)).numpy()

    (expected,) = Runtime().open(GRAPH).run(lightness)
    # Of 130: two hundred-thousandths.
    np.testing.assert_allclose(answer, expected, atol=2e-3)


class FixedNetwork:
    """Network that keeps its input and colors everything alike."""

    device = "cpu"
    provider = "by hand"

    def __init__(self) -> None:
        self.taken: Array = np.zeros(0, np.float32)

    def run(self, *inputs: Array) -> list[Array]:
        """Return the ab (20, -30) at the size of the input."""
        (self.taken,) = inputs
        chroma = np.full((1, 2, *self.taken.shape[2:]), 20.0, np.float32)
        chroma[:, 1] = -30
        return [chroma]


def spec_of(name: str) -> ColorizerSpec:
    (entry,) = (entry for entry in load_manifest("colorize") if entry.name == name)
    assert entry.colorizer is not None
    return entry.colorizer


@pytest.mark.parametrize("shape", [(300, 500), (2000, 700), (40, 30)])
def test_siggraph17_takes_lightness_of_256_px(shape: tuple[int, int]) -> None:
    """Source: the authors' demo squeezes RGB to 256 x 256 px, bicubic, and takes L of it."""
    network = FixedNetwork()
    image = landscape(*shape)

    colored = Colorizer(network, spec_of("siggraph17")).colorize(image)

    small = Image.fromarray(image).resize((256, 256), Image.Resampling.BICUBIC)
    assert network.taken.shape == (1, 1, 256, 256)
    assert network.taken.dtype == np.float32
    difference = np.abs(network.taken[0, 0] - lightness_of(np.asarray(small)))
    assert difference.mean() < 0.3
    assert lab(colored)[10:-10, 10:-10, 1:].mean(axis=(0, 1)) == pytest.approx([20, -30], abs=5)


def test_ddcolor_takes_grey_of_512_px() -> None:
    """Source: the authors' pipeline: L of the image at 512 x 512 px, as sRGB in [0, 1]."""
    network = FixedNetwork()
    image = np.full((600, 800, 3), (200, 100, 50), np.uint8)

    colored = Colorizer(network, spec_of("ddcolor-modelscope")).colorize(image)

    # Its luminance is 0.2162: L is 116 * 0.2162^(1/3) - 16, and the grey of it is
    # 1.055 * 0.2162^(1/2.4) - 0.055 = 0.502.
    assert network.taken.shape == (1, 3, 512, 512)
    assert network.taken == pytest.approx(np.full((1, 3, 512, 512), 0.502), abs=3e-3)
    assert colored.shape == image.shape
