"""Bit-depth reduction: what the model sees, and the two gradients that attacks can be given."""

from pathlib import Path

import pytest
import torch

from robusthash.contracts import ArrayImages, Defense, DefenseContext, HashModel, RetrievalData, Split
from robusthash.errors import OptionError
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import DefenseContract, SmallVictim, toy_images
from robusthash_defenses.bit_depth import BitDepth


def context() -> DefenseContext:
    images = ArrayImages((toy_images(4, seed=0)[0] * 255).round().to(torch.uint8))
    labels = torch.eye(4, dtype=torch.uint8)
    splits = {
        name: Split.of_images(name=name, images=images, labels=labels, ids=tuple("abcd"))
        for name in ("query", "database", "train")
    }
    return DefenseContext(data=RetrievalData(name="toy", classes=tuple("abcd"), **splits), seed=0)


def hardened(defense: BitDepth) -> tuple[HashModel, HashModel]:
    model = SmallVictim().eval()
    return model, defense.harden(model, context()).eval()


class TestBitDepth(DefenseContract):
    @pytest.fixture
    def defense(self) -> Defense:
        return BitDepth()


@pytest.mark.parametrize("depth", [1, 3, 8])
@pytest.mark.parametrize("masked", [False, True])
def test_the_model_sees_so_many_levels(depth: int, masked: bool) -> None:
    model, wrapped = hardened(BitDepth(depth=depth, masked=masked))
    images, _ = toy_images(4, seed=1)
    steps = 2**depth - 1
    squeezed = (images * steps).round() / steps
    assert len(squeezed.unique()) <= 2**depth
    torch.testing.assert_close(wrapped(images), model(squeezed))
    assert wrapped.bits == model.bits


def test_an_attack_sees_through_unless_the_gradient_is_masked() -> None:
    for masked in (False, True):
        model, wrapped = hardened(BitDepth(depth=3, masked=masked))
        images = toy_images(4, seed=2)[0].requires_grad_()
        (gradient,) = torch.autograd.grad(wrapped(images).sum(), images)
        squeezed = ((images * 7).round() / 7).detach().requires_grad_()
        (behind,) = torch.autograd.grad(model(squeezed).sum(), squeezed)
        torch.testing.assert_close(gradient, torch.zeros_like(behind) if masked else behind)


def test_the_model_given_stays_as_it_is() -> None:
    model = SmallVictim().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    BitDepth().harden(model, context())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("depth", [0, 9])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(OptionError, match=f"depth={depth}"):
        BitDepth(depth=depth)


def test_it_is_registered() -> None:
    host = PluginHost.load()
    assert isinstance(host.create(host.find(PluginKind.DEFENSE, "bit-depth"), {"depth": "2"}), BitDepth)
    assert Path(__file__).parents[1].name in host.find(PluginKind.DEFENSE, "bit-depth").full_name
