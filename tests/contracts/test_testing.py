"""The contract tests themselves: toy plugins pass them, and each kind of bad plugin turns one red."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    HashModel,
    Objective,
    Pairs,
    Threat,
    TrainStep,
)
from robusthash.errors import CapabilityError
from robusthash.hashing import sign
from robusthash.specs import Capability, Distance
from robusthash.testing import (
    AttackContract,
    DescriptorVictim,
    GradientAttackContract,
    LinearVictim,
    ModelContract,
    ObjectiveContract,
    SmallVictim,
    TextVictim,
    toy_batch,
    toy_context,
    toy_images,
)


class TestLinearVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return LinearVictim


class TestSmallVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return lambda: SmallVictim(bits=12)


class TestDescriptorVictim(ModelContract):
    @pytest.fixture(params=[Distance.COSINE, Distance.L2])
    def build(self, request: pytest.FixtureRequest) -> Callable[[], HashModel]:
        return lambda: DescriptorVictim(size=5, distance=request.param)


class TestTextVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return lambda: TextVictim(bits=12)


@dataclass(frozen=True, kw_only=True)
class Pairwise(Objective):
    """Inner products of similar pairs to K, of others to 0."""

    pairing: Literal["bank", "batch"] = "batch"  #: what a batch is compared with
    direction: float = 1.0  #: of the descent; -1 is a fault

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return self.direction * (relaxed @ pairs.codes.T / step.bits - pairs.similar).square().mean()


@pytest.mark.parametrize("pairing", ["batch", "bank"])
class TestPairwise(ObjectiveContract):
    @pytest.fixture
    def objective(self, pairing: Literal["bank", "batch"]) -> Objective:
        return Pairwise(pairing=pairing)


def test_an_objective_with_a_flipped_sign_is_caught() -> None:
    contract, labels = ObjectiveContract(), torch.eye(4)[torch.arange(24) % 4]
    logits = torch.randn(24, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError):
        contract.test_descent_brings_similar_items_together(Pairwise(direction=-1.0), logits, labels)


@pytest.mark.parametrize("epsilon", [8 / 255, 0.032, 1.0])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_the_linear_optimum_is_attained_by_following_the_weights(epsilon: float, direction: float) -> None:
    """The image that puts every pixel at the end its weight points to, inside ball and box, gives those logits."""
    victim = LinearVictim()
    images, _ = toy_images(6)
    aim = direction * torch.ones(6, victim.bits)
    ways = (direction * victim.weight.detach().sum(0)).sign().view(3, 16, 16)
    level = int(epsilon * 255 + 1e-6) / 255
    best = (images + level * ways).clamp(0, 1)
    torch.testing.assert_close(
        victim(best).detach(), victim.extreme(images, aim, Threat(epsilon=epsilon)), rtol=1e-4, atol=1e-4
    )
    assert ((victim.weight != 0).sum(0) == 1).all()


def test_toy_worlds_repeat_and_have_images_at_both_ends_of_the_box() -> None:
    victim = SmallVictim()
    one, two = toy_batch(victim), toy_batch(victim)
    for part in dataclasses.fields(one):
        assert torch.equal(getattr(one, part.name), getattr(two, part.name))
    assert one.inputs.min() == 0
    assert one.inputs.max() == 1
    torch.testing.assert_close(one.inputs * 255, (one.inputs * 255).round())
    assert one.labels is not None
    assert one.targets is not None
    assert not (one.labels & one.targets).any()
    context = toy_context(victim)
    assert context.bank is not None
    assert not any(p.requires_grad for p in victim.parameters())


@dataclass(frozen=True, kw_only=True)
class Good(GradientAttack):
    """A sound attack, to be spoilt below."""

    steps: int = 10

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(logits * aim).mean(1)


class FlippedSign(Good):
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -super().loss(logits, aim, progress)


class NoClamp(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        wide = Threat(epsilon=2 * context.threat.epsilon)
        return super().perturb(batch, dataclasses.replace(context, threat=wide))


class BatchNoise(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        noise = (torch.rand_like(batch.inputs) - 0.5) * context.threat.epsilon
        return context.threat.project(batch.inputs + noise, batch.inputs)


class MixedBatch(Good):
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return super().loss(logits - logits.mean(0), aim, progress)


class Uncounted(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        context.surrogate.model(batch.inputs)
        return super().perturb(batch, context)


class Peeks(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        if batch.labels is None:
            raise CapabilityError("this attack needs labels")
        return super().perturb(batch, context)


class HidesItsNeed(Good):
    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset()


class MovesAtZero(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return (batch.inputs + 1e-3).clamp(0, 1)


class Timid(Good):
    def find_aim(self, batch: AttackBatch, logits: Tensor, context: AttackContext) -> Tensor:
        aim = super().find_aim(batch, logits, context)
        aim[:, 0] = sign(logits)[:, 0] * 1e-3
        return aim

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return super().loss(logits[:, :4], aim[:, :4], progress)


@dataclass(frozen=True, kw_only=True)
class Asks(Attack):
    """A sound black box, to be spoilt below: the best of a few noisy images."""

    queries: int = 10  #: per image

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.QUERIES})

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        if context.oracle is None:
            raise CapabilityError("this attack needs the victim's service")
        clean = context.oracle.codes(batch.inputs)
        best, furthest = batch.inputs, torch.full((len(clean),), -1)
        for restart in range(self.queries - 1):
            noise = 2 * context.random.uniform(batch.ids, tuple(batch.inputs.shape[1:]), restart=restart) - 1
            noisy = context.threat.project(batch.inputs + noise.sign() * context.threat.radius, batch.inputs)
            distance = (context.oracle.codes(noisy) != clean).sum(1)
            better = (distance > furthest).view(-1, *[1] * (noisy.ndim - 1))
            best = torch.where(better, noisy, best)
            furthest = furthest.maximum(distance)
        return best


class AsksTooOften(Asks):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        assert context.oracle is not None
        context.oracle.neighbours(batch.inputs, 5)
        return super().perturb(batch, context)


class AsksTheModelItself(Asks):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        context.surrogate.model(batch.inputs)
        return super().perturb(batch, context)


class HidesThatItAsks(Asks):
    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset()


class NeverAsks(Asks):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return batch.inputs.clone()


class TestAsks(AttackContract):
    @pytest.fixture
    def attack(self) -> Attack:
        return Asks()


@pytest.mark.parametrize(
    ("attack", "tests"),
    [
        (AsksTooOften(), {"asks_no_more_than_it_says"}),
        (AsksTheModelItself(), {"budget_counts_every_pass"}),
        (HidesThatItAsks(), {"budget_counts_every_pass", "asks_for_what_it_needs_and_no_more"}),
        (NeverAsks(), {"budget_counts_every_pass", "beats_noise"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Attack) else "",
)
def test_each_fault_of_a_black_box_turns_its_tests_red(attack: Attack, tests: set[str]) -> None:
    assert all(_passes(Asks(), name) for name in tests)
    assert not any(_passes(attack, name) for name in tests)


@pytest.mark.parametrize(
    ("attack", "tests"),
    [
        (FlippedSign(), {"beats_noise", "reaches_the_analytic_optimum"}),
        (NoClamp(), {"stays_in_ball_and_box"}),
        (BatchNoise(), {"order_changes_nothing", "batch_size_changes_nothing"}),
        (MixedBatch(), {"batch_size_changes_nothing"}),
        (Uncounted(), {"budget_counts_every_pass"}),
        (Peeks(), {"asks_for_what_it_needs_and_no_more"}),
        (HidesItsNeed(), {"asks_for_what_it_needs_and_no_more"}),
        (MovesAtZero(), {"epsilon_zero_returns_the_inputs"}),
        (Timid(), {"reaches_the_analytic_optimum"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Attack) else "",
)
def test_each_fault_turns_its_tests_red(attack: Attack, tests: set[str]) -> None:
    assert all(_passes(Good(), name) for name in tests)
    assert not any(_passes(attack, name) for name in tests)


_EXTRA: dict[str, Any] = {"epsilon": 8 / 255}  #: what the contract parametrises


def _passes(attack: Attack, name: str) -> bool:
    victim = SmallVictim()
    contract, context, batch = GradientAttackContract(), toy_context(victim), toy_batch(victim)
    test = getattr(contract, f"test_{name}")
    arguments = {"context": context, "batch": batch, "victim": victim, **_EXTRA}
    wanted = signature(test).parameters.keys() - {"attack"}
    try:
        test(attack, **{key: arguments[key] for key in wanted})
    except (AssertionError, CapabilityError, pytest.fail.Exception):
        return False
    return True
