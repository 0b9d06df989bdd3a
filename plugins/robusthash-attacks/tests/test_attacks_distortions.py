"""The visible baselines: what they do to a pixel, and that they meet the PSNR they are asked for."""

import pytest
import torch

from robusthash.contracts import Attack
from robusthash.errors import OptionError
from robusthash.metrics import psnr
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.baselines.brightness import Brightness
from robusthash_attacks.baselines.distortion import Distortion
from robusthash_attacks.baselines.mosaic import Mosaic, mosaic
from robusthash_attacks.baselines.transparency import Transparency


def test_brightness_adds_and_clips() -> None:
    clean = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1)
    torch.testing.assert_close(Brightness().distort(clean, torch.tensor(0.5)).flatten(), torch.tensor([0.7, 1.0]))


def test_transparency_blends_with_its_veil() -> None:
    clean = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1)
    strength = torch.tensor([0.5, 0.25]).view(2, 1, 1, 1)
    torch.testing.assert_close(Transparency().distort(clean, strength).flatten(), torch.tensor([0.6, 0.925]))
    grey = Transparency(veil=0.5).distort(clean, strength)
    torch.testing.assert_close(grey.flatten(), torch.tensor([0.35, 0.8]))


def test_mosaic_is_the_mean_of_each_block_also_at_a_cut_edge() -> None:
    images = torch.rand(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    result = mosaic(images, 3)
    for top in (0, 3, 6):
        for left in (0, 3):
            block = images[:, :, top : top + 3, left : left + 3]
            expected = block.mean((2, 3), keepdim=True).expand_as(block)
            torch.testing.assert_close(result[:, :, top : top + 3, left : left + 3], expected)
    assert torch.equal(mosaic(images, 1), images)


@pytest.mark.parametrize("target", [13.02, 18.28, 25.0])
@pytest.mark.parametrize("kind", [Brightness, Transparency])
def test_every_image_meets_the_psnr_it_is_asked_for(kind: type[Distortion], target: float) -> None:
    victim = SmallVictim()
    batch = toy_batch(victim)
    found = psnr(kind(target_psnr=target)(batch, toy_context(victim)).inputs, batch.inputs)
    # One level of 255 more or less on every pixel is what a step of the strength can change.
    assert (found <= target).all()
    assert (found > target - 0.5).all()


def test_the_least_strength_is_taken_and_no_less_would_do() -> None:
    """Brightness of a mid-grey image by d has the PSNR -20 log10 d: 0.2233 at 13.02 dB, in whole levels 57/255."""
    grey = torch.full((1, 3, 4, 4), 100 / 255)
    strength = Brightness().match(grey)
    assert float(strength) == pytest.approx(57 / 255, abs=1e-5)


def test_a_white_image_cannot_be_brightened() -> None:
    white = torch.ones(1, 3, 4, 4)
    assert float(Brightness().match(white)) == 1
    assert torch.equal(Brightness().distort(white, torch.ones(1, 1, 1, 1)), white)


def test_mosaic_takes_the_block_whose_psnr_is_nearest() -> None:
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    every = torch.stack([psnr(Mosaic(block=block)(batch, context).inputs, batch.inputs) for block in range(2, 17)])
    for target in (15.0, 16.66, 30.0):
        found = psnr(Mosaic(target_psnr=target)(batch, context).inputs, batch.inputs)
        torch.testing.assert_close((found - target).abs(), (every - target).abs().min(0).values)


@pytest.mark.parametrize("attack", [Brightness(strength=0.0), Transparency(strength=0.0), Mosaic(block=1)], ids=repr)
def test_no_strength_changes_nothing(attack: Attack) -> None:
    victim = SmallVictim()
    batch = toy_batch(victim)
    assert torch.equal(attack(batch, toy_context(victim)).inputs, batch.inputs)


def test_bad_options_are_refused() -> None:
    for build in (
        lambda: Brightness(strength=1.5),
        lambda: Brightness(target_psnr=0.0),
        lambda: Transparency(veil=-1.0),
        lambda: Mosaic(block=0),
        lambda: Mosaic(target_psnr=100.0),
    ):
        with pytest.raises(OptionError):
            build()
