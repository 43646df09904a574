"""Random changes to images."""

import pytest
import torch
from torch import Tensor

from models.colorize.old_film import age_lightness
from models.training.augmentation import random_affine


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(3)
    return torch.rand(64, 3, 16, 16)


def test_affine_without_room_only_mirrors(images: Tensor) -> None:
    moved = random_affine(images, size_px=16, degrees=0, shift=0, least_scale=1)

    same = [torch.allclose(one, two, atol=1e-5) for one, two in zip(moved, images, strict=True)]
    mirrored = [
        torch.allclose(one, two.flip(-1), atol=1e-5) for one, two in zip(moved, images, strict=True)
    ]
    assert all(one != two for one, two in zip(same, mirrored, strict=True))
    assert 16 < sum(mirrored) < 48


def test_affine_gives_the_size_it_is_told(images: Tensor) -> None:
    moved = random_affine(images, size_px=24, degrees=20, shift=0.1, least_scale=0.5)

    assert moved.shape == (64, 3, 24, 24)
    # Edges are repeated, so that nothing darker or lighter comes in.
    assert images.min() <= moved.min()
    assert moved.max() <= images.max()


def test_old_film_changes_each_image_its_own_way() -> None:
    torch.manual_seed(3)
    ramp = torch.linspace(0, 1, 16).expand(64, 1, 16, 16).clone()

    aged = age_lightness(ramp)

    assert aged.shape == ramp.shape
    assert aged.min() >= 0
    assert aged.max() <= 1
    assert len({round(float(one.mean()), 4) for one in aged}) > 50
    # A tone curve bends a ramp; it does not turn it around.
    assert (aged[..., -4:].mean(dim=(1, 2, 3)) > aged[..., :4].mean(dim=(1, 2, 3))).all()
