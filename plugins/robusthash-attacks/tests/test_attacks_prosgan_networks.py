"""The networks of ProS-GAN are the published ones, and take other sizes by the same rule."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from robusthash.errors import CapabilityError
from robusthash_attacks.learnt.compact import CompactGenerator, Told
from robusthash_attacks.learnt.generator import Generator
from robusthash_attacks.learnt.prosgan.discriminator import Discriminator
from robusthash_attacks.learnt.prosgan.prototypes import PrototypeNet


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def shapes(network: nn.Module, run: Callable[[], object], *kinds: type[nn.Module]) -> list[tuple[int, ...]]:
    """What each layer of some kinds returns, without the batch dimension."""
    found: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, kinds):
            layer.register_forward_hook(lambda _layer, _inputs, output: found.append(tuple(output.shape[1:])))
    run()
    return found


def test_the_published_generator() -> None:
    """Layer by layer, without computing anything: 21,454,121 parameters."""
    with torch.device("meta"):
        network = Generator((224, 224), 512, filters=64, blocks=6)
        assert parameters(network) == 21_454_121
        assert network.label is not None
        assert parameters(network.label) == 13_044_440
        assert parameters(network.head) == 1_809
        images, condition = torch.rand(2, 3, 224, 224), torch.rand(2, 512)
        found = shapes(network, lambda: network(images, condition), nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    assert found == [
        (25_088,),
        (64, 28, 28),
        (32, 56, 56),
        (16, 112, 112),
        (8, 224, 224),
        (3, 224, 224),
        (64, 224, 224),
        (128, 112, 112),
        *[(256, 56, 56)] * (1 + 12),
        (128, 112, 112),
        (64, 224, 224),
        (3, 224, 224),
    ]


@pytest.mark.parametrize(("classes", "count"), [(10, 11_698_112), (21, 12_250_048), (38, 13_103_040), (80, 15_210_432)])
def test_the_published_discriminator(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = Discriminator((224, 224), classes, filters=64)
        assert parameters(network) == count
        found = shapes(network.eval(), lambda: network(torch.rand(2, 3, 224, 224)), nn.Conv2d)
    assert found == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (1024, 7, 7),
        (classes + 1, 1, 1),
    ]


@pytest.mark.parametrize(("classes", "count"), [(10, 2_164_266), (21, 2_214_965), (38, 2_293_318), (80, 2_486_896)])
def test_the_published_prototype_net(classes: int, count: int) -> None:
    network = PrototypeNet(classes, 4096, 32)
    assert parameters(network) == count
    found = network(torch.eye(classes, dtype=torch.uint8)[:2])
    assert [tuple(part.shape) for part in found] == [(2, 512), (2, 32), (2, classes)]
    assert found[0].min() < -1e-3, "the representation is linear"
    assert ((found[2] > 0) & (found[2] < 1)).all()


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (30, 33), (28, 28)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    images, condition = torch.rand(2, 3, *size) * 2 - 1, torch.rand(2, 5)
    network = Generator(size, 5, filters=4, blocks=1)
    drawn = network(images, condition)
    assert drawn.shape == images.shape
    assert drawn.abs().max() <= 1
    again = Generator.of(network.state_dict(), size)
    assert torch.equal(again(images, condition), drawn)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert Generator(size, 0, filters=4, blocks=1)(images).shape == images.shape
    assert Discriminator(size, 3, filters=4)(images).shape == (2, 4)
    assert Discriminator(size, 3, filters=4)(images[:1]).shape == (1, 4), "a batch of one keeps its dimension"


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (30, 33), (28, 28)])
@pytest.mark.parametrize("guided", [False, True])
def test_the_compact_generator_draws_any_size(size: tuple[int, int], guided: bool) -> None:
    images, condition = torch.rand(2, 3, *size) * 2 - 1, torch.rand(2, 5)
    guide = torch.ones_like(images) if guided else None
    network = CompactGenerator(size, 5, filters=4, blocks=1, guided=guided)
    drawn = network(images, condition, guide)
    assert drawn.shape == images.shape
    assert drawn.abs().max() <= 1
    again = CompactGenerator.of(network.state_dict(), size)
    assert torch.equal(again(images, condition, guide), drawn)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_the_layers_of_the_compact_generator() -> None:
    with torch.device("meta"):
        network = CompactGenerator((32, 32), 32, filters=16, blocks=2)
        images, condition = torch.rand(2, 3, 32, 32), torch.rand(2, 32)
        found = shapes(network, lambda: network(images, condition), nn.Conv2d, nn.ConvTranspose2d)
    assert found == [(32, 16, 16), *[(64, 8, 8)] * (1 + 4), (32, 16, 16), (16, 32, 32), (3, 32, 32)]
    assert parameters(network) == 334_209
    assert parameters(network.pattern) == 33 * 3 * 32 * 32


def test_the_compact_generator_adds_its_pattern_and_its_guide_to_what_the_head_says() -> None:
    images, guide = torch.rand(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)
    network = CompactGenerator((8, 8), 1, filters=4, blocks=1, guided=True)
    with torch.no_grad():
        network.head.weight.zero_()
        network.pattern.weight.fill_(1.0)
        network.pattern.bias.fill_(0.25)
    expected = torch.tanh(torch.tensor(0.5 + 0.25 + 2 * 0.5))
    assert torch.allclose(network(images, torch.tensor([[0.5]]), guide), expected)


def test_a_compact_generator_without_a_condition_has_one_pattern() -> None:
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    network = CompactGenerator((8, 8), 0, filters=4, blocks=1)
    with torch.no_grad():
        network.head.weight.zero_()
        network.pattern.bias.uniform_(-1, 1)
    one, other = CompactGenerator.of(network.state_dict(), (8, 8))(images)
    assert torch.equal(one, other)
    assert one.std() > 0


def test_the_compact_generator_scales_and_shifts_each_channel_by_its_condition() -> None:
    told = Told(nn.Identity(), 1, 2)
    with torch.no_grad():
        told.scales.weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [3.0]]))
    inputs = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2).expand(1, 2, 1, 2)
    found = told(inputs, torch.tensor([[2.0]]))
    assert found.flatten().tolist() == pytest.approx([0.0, 3.0, 5.0, 7.0], abs=1e-4)


@pytest.mark.parametrize("size", [(7, 8), (8, 7)])
def test_tiny_images_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CapabilityError, match="too small"):
        CompactGenerator(size, 5, filters=4, blocks=1)
    with pytest.raises(CapabilityError, match="too small"):
        Generator(size, 5, filters=4, blocks=1)
    with pytest.raises(CapabilityError, match="too small"):
        Discriminator(size, 3, filters=4)


def test_the_power_iteration_moves_in_training_alone() -> None:
    network, images = Discriminator((16, 16), 3, filters=4), torch.rand(2, 3, 16, 16)

    def moved() -> list[str]:
        before = {name: part.clone() for name, part in network.state_dict().items()}
        network(images)
        return [name for name, part in network.state_dict().items() if not torch.equal(part, before[name])]

    assert moved()
    network.eval()
    assert moved() == []


def test_the_spectral_norm_becomes_one() -> None:
    torch.manual_seed(0)  # power iteration is slow where two singular values are nearly equal
    network, images = Discriminator((16, 16), 3, filters=4), torch.rand(2, 3, 16, 16)
    for _ in range(50):
        network(images)
    layers = [layer for layer in network.eval().layers if isinstance(layer, nn.Conv2d)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers[:-1]]
    assert norms == pytest.approx([1.0] * len(norms), abs=1e-3)
    assert torch.linalg.matrix_norm(layers[-1].weight.flatten(1), 2) < 0.9, "the last has none"
