"""The slope of tanh: one option with one meaning in every loss that has one, and presets that name theirs."""

from dataclasses import fields
from functools import partial

import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, Scale, Slope
from robusthash.errors import OptionError
from robusthash.options import convert
from robusthash_attacks import plugin
from robusthash_attacks.gradient.center import Center
from robusthash_attacks.gradient.hag import HAG
from robusthash_attacks.gradient.mainstay import Mainstay, Weighting
from robusthash_attacks.gradient.sdha import SDHA
from robusthash_attacks.gradient.tanh import Tanh
from robusthash_attacks.gradient.tha import THA

SLOPED = [
    HAG,
    Tanh,
    Center,
    THA,
    Mainstay,
    partial(Mainstay, weighting=Weighting.PLAIN),
    SDHA,
    partial(SDHA, targeted=True),
]
#: What follows released code, and so is the same whatever the default is.
AS_RELEASED = ["tanh-p2p/released", "tanh-p2s/released", "hag/saat", "mainstay-target/saat"]
AS_RELEASED += [f"mainstay/{preset}" for preset in ("bim", "mi", "ni", "di", "sini", "vmi")]


def loss(attack: GradientAttack | SDHA, logits: Tensor, progress: float) -> Tensor:
    """On fixed aims; SDHA's weights of items are fixed, too, since they depend on signs alone."""
    drawn = torch.randn(3, *logits.shape, generator=torch.Generator().manual_seed(1), dtype=logits.dtype).tanh()
    if isinstance(attack, SDHA):
        return attack.loss(logits, progress, lambda _codes: (drawn[0, :, 0].abs(), drawn[1]))
    return attack.loss(logits, drawn[2], progress)


@pytest.mark.parametrize("make", SLOPED, ids=repr)
def test_a_slope_multiplies_the_logits(make: type[GradientAttack]) -> None:
    """``tanh(a f)`` is the only place where logits enter, so a slope of a on f is one of 1 on a f; annealed, so too."""
    logits = torch.randn(5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for scale in (0.3, 1.0, 4.0):
        fixed = loss(make(scale=scale), logits, 0.0)
        torch.testing.assert_close(fixed, loss(make(scale=1.0), scale * logits, 0.0))
        torch.testing.assert_close(fixed, loss(make(scale=scale), logits, 0.95))
    for progress, slope in ((0.0, 0.1), (0.65, 0.3), (0.95, 1.0)):
        annealed = loss(make(scale=None), logits, progress)
        torch.testing.assert_close(annealed, loss(make(scale=slope), logits, 0.0))


@pytest.mark.parametrize("make", SLOPED, ids=repr)
def test_a_relative_slope_does_not_see_the_size_of_the_logits(make: type[GradientAttack]) -> None:
    """Tiny logits or huge ones, where tanh of a fixed slope has no gradient left: the gradients' signs are the same."""
    attack = make(scale=Slope.RELATIVE)
    logits = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    signs = []
    for size in (1e-3, 1.0, 1e3):
        sized = (size * logits).requires_grad_()
        value = loss(attack, sized, 0.0)
        signs.append(torch.autograd.grad(value.sum(), sized)[0].sign())
        torch.testing.assert_close(value, loss(attack, logits, 0.9), rtol=1e-4, atol=1e-5)
    assert torch.equal(signs[0], signs[1])
    assert torch.equal(signs[1], signs[2])
    assert signs[1].any(1).all()


@pytest.mark.parametrize("make", SLOPED, ids=repr)
@pytest.mark.parametrize("scale", [0.0, -0.5, float("inf")])
def test_a_slope_is_positive(make: type[GradientAttack], scale: float) -> None:
    with pytest.raises(OptionError, match="scale"):
        make(scale=scale)


def test_presets_of_released_code_name_their_slope() -> None:
    specs = {spec.name: spec for spec in plugin.robusthash_attacks()}
    assert {name: specs[name].options.get("scale", "the default") for name in AS_RELEASED} == dict.fromkeys(AS_RELEASED)


def test_every_slope_is_the_same_option() -> None:
    """Its name, its type and what it does are told alike by all attacks that have one."""
    found = {cls: {one.name: one.type for one in fields(cls)} for cls in (HAG, Tanh, Center, THA, Mainstay, SDHA)}
    assert {cls: options.get("scale") for cls, options in found.items()} == dict.fromkeys(found, Scale)


def test_a_slope_is_set_as_text() -> None:
    texts = {"relative": Slope.RELATIVE, "none": None, "0.3": 0.3}
    assert {text: convert(HAG, {"scale": text}, where="hag")["scale"] for text in texts} == texts
    with pytest.raises(OptionError, match="scale"):
        convert(HAG, {"scale": "steep"}, where="hag")
