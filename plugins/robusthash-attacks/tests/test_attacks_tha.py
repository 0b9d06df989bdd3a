"""THA's prototype network: its loss against a loop, what it learns, and what it refuses."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim
from robusthash.contracts import CodeBank, Randomness
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import sign
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.prototypes import Training, prototype_loss, prototypes, train_prototypes
from robusthash_attacks.tha import THA

RANDOM = Randomness(seed=0, purpose="tha")


def quiet(_done: int, _total: int, _what: str) -> None: ...


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


def bank() -> CodeBank:
    """Four labels whose codes are a random one each, two bits of every item flipped."""
    generator = torch.Generator().manual_seed(1)
    base = sign(torch.randn(4, 16, generator=generator))
    kinds = torch.arange(48) % 4
    flips = torch.rand(48, 16, generator=generator).argsort(1) < 2
    return CodeBank(
        codes=torch.where(flips, -base[kinds], base[kinds]).to(torch.int8),
        labels=torch.eye(4, dtype=torch.uint8)[kinds],
    )


def similarity(codes: Tensor, found: Tensor) -> Tensor:
    return found @ codes.float().T / codes.shape[1]


def test_prototypes_are_near_their_own_codes_and_far_from_others() -> None:
    store = bank()
    steps: list[tuple[int, int]] = []
    weights = train_prototypes(store, Training(), RANDOM, lambda done, total, _what: steps.append((done, total)))
    codes = sign(prototypes(weights, torch.eye(4)))
    alike = similarity(store.codes, codes)
    own = store.labels.T > 0
    assert alike[own].mean() > 0.5  # of at most 0.75, with two bits flipped
    assert alike[~own].mean() < 0
    longer = train_prototypes(store, Training(width=512, steps=1500), RANDOM, quiet)
    found = (prototype_loss(prototypes(w, torch.eye(4)), store.codes.float(), own) for w in (weights, longer))
    assert float(next(found)) == pytest.approx(float(next(found)), rel=0.01)  # the default is long enough
    assert steps[-1] == (400, 400)
    assert weights["first.weight"].shape == (256, 4)
    assert not any(tensor.requires_grad for tensor in weights.values())


def test_another_seed_is_another_network() -> None:
    store, training = bank(), Training(width=8, steps=2)
    one = train_prototypes(store, training, RANDOM, quiet)
    two = train_prototypes(store, training, replace(RANDOM, seed=1), quiet)
    assert one["first.weight"].shape == (8, 4)
    assert not torch.equal(one["first.weight"], two["first.weight"])


def test_a_bank_without_labels_is_refused() -> None:
    store = replace(bank(), labels=torch.zeros(48, 4))
    with pytest.raises(CapabilityError, match="no item"):
        train_prototypes(store, Training(), RANDOM, quiet)


def test_the_aim_is_the_prototype_of_the_target() -> None:
    victim = SmallVictim()
    context, batch, attack = toy_context(victim), toy_batch(victim), THA(fit_steps=50)
    learnt = attack.learn(context)
    assert learnt is not None
    assert batch.targets is not None
    aim = attack.find_aim(batch, torch.zeros(12, 16), replace(context, fitted=learnt))
    assert torch.equal(aim, sign(prototypes(learnt, batch.targets)))
    with pytest.raises(CapabilityError, match="learnt"):
        attack.find_aim(batch, torch.zeros(12, 16), context)


@pytest.mark.parametrize("options", [{"aim": Aim.P2S}, {"width": 0}, {"fit_steps": 0}, {"fit_batch": 0}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        THA(**options)  # type: ignore[arg-type]  # the names are its fields
