"""THA's prototype network: what it learns, what the attack aims at, and what is refused."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim
from robusthash.contracts import CodeBank, Randomness
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import sign
from robusthash.testing import SmallVictim, toy_batch, toy_context, toy_learning
from robusthash.training import PrototypeNetwork, prototype_loss
from robusthash_attacks.gradient.prototypes import Training, train_prototypes
from robusthash_attacks.gradient.tha import THA

RANDOM = Randomness(seed=0, purpose="tha")


def quiet(_done: int, _total: int, _what: str) -> None: ...


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
    codes = sign(PrototypeNetwork.of(weights)(torch.eye(4)))
    alike = similarity(store.codes, codes)
    own = store.labels.T > 0
    assert alike[own].mean() > 0.5  # of at most 0.75, with two bits flipped
    assert alike[~own].mean() < 0
    longer = train_prototypes(store, Training(width=512, steps=1500), RANDOM, quiet)
    found = (prototype_loss(PrototypeNetwork.of(w)(torch.eye(4)), store.codes.float(), own) for w in (weights, longer))
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
    learnt = attack.learn(toy_learning(victim))
    assert learnt is not None
    assert batch.targets is not None
    aim = attack.find_aim(batch, torch.zeros(12, 16), replace(context, fitted=learnt))
    assert torch.equal(aim, sign(PrototypeNetwork.of(learnt)(batch.targets)))
    with pytest.raises(CapabilityError, match="learnt"):
        attack.find_aim(batch, torch.zeros(12, 16), context)


@pytest.mark.parametrize("options", [{"aim": Aim.P2S}, {"width": 0}, {"fit_steps": 0}, {"fit_batch": 0}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        THA(**options)  # type: ignore[arg-type]  # the names are its fields
