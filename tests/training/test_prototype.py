"""The prototype network: its loss against a loop, its start from its randomness alone, and what it learns."""

import itertools
import math

import pytest
import torch

from robusthash.contracts import Randomness
from robusthash.hashing import sign
from robusthash.training import PrototypeNetwork, prototype_loss, share_label

RANDOM = Randomness(seed=0, purpose="test")


def loss_by_hand(found: list[list[float]], codes: list[list[int]], related: list[list[bool]]) -> float:
    """The formula, one pair at a time."""
    near, far = 0.0, 0.0
    for (i, g), (j, b) in itertools.product(enumerate(found), enumerate(codes)):
        s = sum(x * y for x, y in zip(g, b, strict=True)) / len(b)
        if related[i][j]:
            near += math.exp(-max(2 - s, 0) * s)
        else:
            far += math.exp(max(s + 2, 0) * s)
    apart = sum((math.copysign(1, x) - x) ** 2 for g in found for x in g)
    total = sum(math.log(side) for side in (near, far) if side)
    return (total + 1e-4 * apart) / len(found)


@pytest.mark.parametrize("kind", ["mixed", "all", "none"])
def test_loss_is_its_formula(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    found = torch.rand(3, 4, generator=generator, dtype=torch.float64) * 2 - 1
    codes = sign(torch.randn(5, 4, generator=generator, dtype=torch.float64))
    related = torch.rand(3, 5, generator=generator) > 0.5
    if kind != "mixed":
        related[:] = kind == "all"
    expected = loss_by_hand(found.tolist(), codes.int().tolist(), related.tolist())
    assert prototype_loss(found, codes, related).item() == pytest.approx(expected)


@pytest.mark.parametrize(("related", "slope"), [(True, -(2 - 0.375)), (False, 0.375 + 2)])
def test_loss_weighs_pairs_without_a_gradient_through_the_weights(related: bool, slope: float) -> None:
    """One pair with s = 3/8: the slope of -[2 - s] s is -[2 - s], that of [s + 2] s is [s + 2], the brackets fixed."""
    found = torch.tensor([[0.5, 0.25]], dtype=torch.float64, requires_grad=True)
    codes = torch.ones(1, 2, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(prototype_loss(found, codes, torch.tensor([[related]])), found)
    quantisation = 1e-4 * 2 * torch.tensor([[-0.5, -0.75]], dtype=torch.float64)
    torch.testing.assert_close(gradient, slope / 2 + quantisation)


def test_its_start_is_uniform_and_made_by_its_randomness_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = (PrototypeNetwork(4, 300, 8, random=Randomness(seed=s, purpose="test")) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    labels = torch.eye(4)
    assert torch.equal(one(labels), same(labels))
    assert not torch.equal(one(labels), other(labels))
    for layer in (one.first, one.second, one.third):
        bound = layer.in_features**-0.5
        assert 0.97 * bound < float(layer.weight.detach().abs().max()) <= bound
        assert bool((layer.bias.abs() <= bound).all())
    draw = RANDOM.generator(0)
    assert one.first.weight.tolist()[0] == pytest.approx(draw.uniform(-0.5, 0.5, (300, 4))[0])
    assert one.first.bias.tolist() == pytest.approx(draw.uniform(-0.5, 0.5, 300))


def test_its_forward_pass_is_two_hidden_layers_and_a_tanh() -> None:
    network = PrototypeNetwork(3, 5, 4, random=RANDOM)
    labels = torch.tensor([[1, 0, 1], [0, 0, 0]], dtype=torch.uint8)
    state = network.state_dict()
    hidden = (labels.float() @ state["first.weight"].T + state["first.bias"]).clamp_min(0)
    hidden = hidden @ state["second.weight"].T + state["second.bias"]
    torch.testing.assert_close(network(labels), torch.tanh(hidden @ state["third.weight"].T + state["third.bias"]))


def test_it_comes_back_from_its_state_frozen() -> None:
    network = PrototypeNetwork(3, 5, 4, random=RANDOM)
    again = PrototypeNetwork.of({name: tensor.clone() for name, tensor in network.state_dict().items()})
    assert torch.equal(again(torch.eye(3)), network(torch.eye(3)))
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_it_learns_the_codes_of_its_labels() -> None:
    network = PrototypeNetwork(4, 32, 8, random=RANDOM)
    labels = torch.eye(4)
    codes = torch.tensor([[1.0] * 8, [-1.0] * 8, [1.0, -1.0] * 4, [-1.0, 1.0] * 4])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        prototype_loss(network(labels), codes, share_label(labels, labels) > 0).backward()
        optimiser.step()
    assert torch.equal(network(labels).sign(), codes)
