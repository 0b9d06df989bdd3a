"""JPEG purification: what the model sees, and the two gradients that attacks can be given."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.contracts import ArrayImages, DefenseContext, HashModel, RetrievalData, Split
from robusthash.errors import OptionError
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import SmallVictim, toy_images
from robusthash_defenses.differentiable_jpeg import BLUR, blurred_slope, simulate
from robusthash_defenses.jpeg import Jpeg, compress


def hardened(defense: Jpeg) -> tuple[HashModel, HashModel]:
    images = ArrayImages((toy_images(4, seed=0)[0] * 255).round().to(torch.uint8))
    labels = torch.eye(4, dtype=torch.uint8)
    splits = {
        name: Split.of_images(name=name, images=images, labels=labels, ids=tuple("abcd"))
        for name in ("query", "database", "train")
    }
    context = DefenseContext(data=RetrievalData(name="toy", classes=tuple("abcd"), **splits), seed=0)
    model = SmallVictim().eval()
    return model, defense.harden(model, context).eval()


@pytest.mark.parametrize("quality", [10, 90])
def test_each_image_is_what_comes_out_of_its_own_file(quality: int) -> None:
    images, _ = toy_images(3, seed=1)
    found = compress(images, quality)
    for image, decoded in zip(images, found, strict=True):
        file = io.BytesIO()
        levels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(np.ascontiguousarray(levels)).save(file, format="JPEG", quality=quality)
        np.testing.assert_array_equal((decoded * 255).round().permute(1, 2, 0).numpy(), np.asarray(Image.open(file)))
    assert found.dtype == images.dtype
    coarse, fine = ((compress(images, q) - images).abs().mean() for q in (10, 90))
    assert coarse > fine > 0


@pytest.mark.parametrize("masked", [False, True])
def test_the_model_sees_the_decoded_image(masked: bool) -> None:
    model, wrapped = hardened(Jpeg(quality=20, masked=masked))
    images, _ = toy_images(4, seed=1)
    torch.testing.assert_close(wrapped(images), model(compress(images, 20)))
    assert not torch.allclose(wrapped(images), model(images), atol=1e-3)
    assert (wrapped.bits, wrapped.modality) == (model.bits, model.modality)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 13), (9, 24)])
@pytest.mark.parametrize("quality", [10, 75, 95])
def test_the_simulation_is_jpeg_but_for_its_whole_numbers(quality: int, height: int, width: int) -> None:
    images = torch.nn.functional.interpolate(toy_images(3, seed=3)[0], size=(height, width))
    levels = (images * 255).round() / 255
    found = simulate(levels, quality).clamp(0, 1)
    assert found.shape == levels.shape
    decoded = compress(levels, quality)
    # Of the coefficients near a half some fall to the other side, by one step of the table.
    assert (found - decoded).abs().mean() < 0.02
    if quality < 95:
        assert (found - decoded).abs().mean() < 0.3 * (levels - decoded).abs().mean()


def test_the_slope_is_that_of_the_mean_over_noise() -> None:
    values = torch.linspace(-1.7, 1.7, 35, dtype=torch.float64)
    noise = BLUR * torch.special.ndtri((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    step = 0.01
    after, before = ((values[:, None] + side * step + noise).round().mean(1) for side in (1, -1))
    torch.testing.assert_close(blurred_slope(values), (after - before) / (2 * step), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("masked", [False, True])
def test_an_attack_sees_through_unless_the_gradient_is_masked(masked: bool) -> None:
    model, wrapped = hardened(Jpeg(quality=50, masked=masked))
    images = toy_images(4, seed=2)[0].requires_grad_()
    (gradient,) = torch.autograd.grad(wrapped(images).sum(), images)
    decoded = compress(images.detach(), 50).requires_grad_()
    (behind,) = torch.autograd.grad(model(decoded).sum(), decoded)
    (expected,) = torch.autograd.grad(simulate(images, 50), images, behind)
    torch.testing.assert_close(gradient, torch.zeros_like(behind) if masked else expected, rtol=1e-4, atol=1e-4)
    assert bool(expected.flatten(1).any(1).all())


@pytest.mark.parametrize("quality", [0, 101])
def test_other_qualities_are_refused(quality: int) -> None:
    with pytest.raises(OptionError, match=f"quality={quality}"):
        Jpeg(quality=quality)


def test_it_is_registered() -> None:
    host = PluginHost.load()
    assert isinstance(host.create(host.find(PluginKind.DEFENSE, "jpeg"), {"quality": "30"}), Jpeg)
