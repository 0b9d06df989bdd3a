"""Every 8-bit level on its way to a float and back, on every device."""

import numpy as np
import pytest
import torch

from robusthash.pixels import LEVELS, from_levels, quantise, to_levels

EVERY = torch.arange(LEVELS + 1, dtype=torch.uint8)


def quotients(dtype: type[np.float32 | np.float64] = np.float32) -> np.ndarray:
    """k / 255 by IEEE division, one at a time."""
    return np.array([dtype(level) / dtype(255) for level in range(256)], dtype)


def test_every_level_is_the_correctly_rounded_quotient() -> None:
    floats = from_levels(EVERY)
    assert floats.dtype == torch.float32
    assert floats.numpy().tobytes() == quotients().tobytes()
    assert torch.equal(to_levels(floats), EVERY)


def test_floats_keep_their_type() -> None:
    doubles = from_levels(EVERY.double())
    assert doubles.numpy().tobytes() == quotients(np.float64).tobytes()
    assert torch.equal(quantise(doubles), doubles)
    assert torch.equal(from_levels(EVERY.long()), from_levels(EVERY))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
def test_a_gpu_gives_the_same_bytes() -> None:
    there = from_levels(EVERY.cuda())
    assert there.cpu().numpy().tobytes() == quotients().tobytes()
    assert torch.equal(to_levels(there).cpu(), EVERY)
    noisy = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(quantise(noisy.cuda()).cpu(), quantise(noisy))


def test_the_nearest_level_is_taken_and_the_box_is_kept() -> None:
    images = torch.tensor([-0.3, 0.4 / 255, 0.6 / 255, 100.4 / 255, 100.6 / 255, 254.6 / 255, 1.2])
    wanted = [0, 0, 1, 100, 101, 255, 255]
    assert to_levels(images).tolist() == wanted
    assert to_levels(images).dtype == torch.uint8
    assert torch.equal(quantise(images), from_levels(torch.tensor(wanted)))
    assert torch.equal(quantise(quantise(images)), quantise(images))


def test_halves_go_to_the_even_level() -> None:
    assert to_levels(torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64) / 4, levels=4).tolist() == [0, 2, 2]


def test_other_numbers_of_levels() -> None:
    tags = torch.tensor([0.2, 0.7, 1.0])
    assert to_levels(tags, levels=1).tolist() == [0, 1, 1]
    assert quantise(tags, levels=1).tolist() == [0.0, 1.0, 1.0]
    assert from_levels(torch.tensor([0, 1, 2, 4]), levels=4).tolist() == [0.0, 0.25, 0.5, 1.0]


def test_shape_survives() -> None:
    images = torch.rand(2, 3, 4, 5)
    assert to_levels(images).shape == quantise(images).shape == images.shape
