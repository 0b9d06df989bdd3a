"""Seeded faults of attacks: the contract sees each, and nothing in the sound attacks that they are made from."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.adversary import GradientAttack
from robusthash.contracts import Attack, AttackBatch, AttackContext, LearningContext, Threat
from robusthash.errors import CapabilityError
from robusthash.hashing import sign
from robusthash.specs import AttackSpec, Capability, Goal, Norm
from robusthash.testing import AttackContract, GradientAttackContract
from robusthash.testing.faults import faulty, sound


@dataclass(frozen=True, kw_only=True)
class Good(GradientAttack):
    """A sound attack, to be spoilt below."""

    steps: int = 10  #: gradient steps

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -(logits * aim).mean(1)


class FlippedSign(Good):
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return -super().loss(logits, aim, progress)


class ScalarLoss(Good):
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return super().loss(logits, aim, progress).mean()


class MixedBatch(Good):
    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return super().loss(logits - logits.mean(0), aim, progress)


class Timid(Good):
    def find_aim(self, batch: AttackBatch, logits: Tensor, context: AttackContext) -> Tensor:
        aim = super().find_aim(batch, logits, context)
        aim[:, 0] = sign(logits)[:, 0] * 1e-3
        return aim

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return super().loss(logits[:, :4], aim[:, :4], progress)


class NoClamp(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        wide = Threat(epsilon=2 * context.threat.epsilon)
        return super().perturb(batch, dataclasses.replace(context, threat=wide))


class TooLong(Good):
    """Keeps to a radius, and not to a length."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        threat = context.threat
        wide = dataclasses.replace(threat, epsilon=threat.epsilon * (1.01 if threat.norm is Norm.L2 else 1))
        return super().perturb(batch, dataclasses.replace(context, threat=wide))


class BlindInL2(Good):
    """Works within a radius, and draws noise within a length."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        if context.threat.norm is not Norm.L2:
            return super().perturb(batch, context)
        shape = tuple(batch.inputs.shape[1:])
        return context.threat.point(context.random.uniform(batch.ids, shape), batch.inputs)


class MovesAtZero(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return (batch.inputs + 1e-3).clamp(0, 1)


class GlobalTorch(Good):
    """Noise that a pure function of the batch's first query decides, by the guard's seed."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        noise = (torch.rand_like(batch.inputs) - 0.5) * context.threat.epsilon
        return context.threat.project(batch.inputs + noise, batch.inputs)


class GlobalNumpy(Good):
    """Draws that change nothing today."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        np.random.rand()  # noqa: NPY002 - the fault
        return super().perturb(batch, context)


class Remembers(Good):
    """Starts where the last batch ended."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        start = vars(self).get("last", torch.zeros(1))
        found = super().perturb(batch, context)
        object.__setattr__(self, "last", (found - batch.inputs).mean(0, keepdim=True))
        return context.threat.project(found + start, batch.inputs)


class LeavesAHook(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        context.surrogate.model.register_forward_hook(lambda *_: None)
        return super().perturb(batch, context)


class ChangesAWeight(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        next(context.surrogate.model.parameters()).data.flatten()[0].add_(1e-3)
        return super().perturb(batch, context)


class ChangesItsInputs(Good):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return super().perturb(batch, context) + 0 * batch.inputs.mul_(0.5)


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


@dataclass(frozen=True, kw_only=True)
class Universal(Attack):
    """A sound universal perturbation: every gradient is taken before the first query."""

    steps: int = 20  #: gradient steps

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability.GRADIENTS})

    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        images = context.train.view(context.surrogate.modality.name).inputs(range(len(context.train)))
        clean = sign(context.surrogate(images).detach())
        delta = torch.zeros_like(images[:1])
        for _ in range(self.steps):
            delta.requires_grad_()
            loss = (context.surrogate(context.threat.box.clamp(images + delta)) * clean).mean()
            (gradient,) = torch.autograd.grad(loss, delta)
            delta = (delta.detach() - context.threat.radius / 5 * gradient.sign()).clamp(
                -context.threat.radius, context.threat.radius
            )
        return {"delta": delta}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        assert context.fitted is not None
        radius = context.threat.radius
        return context.threat.project(batch.inputs + context.fitted["delta"].clamp(-radius, radius), batch.inputs)


class UncountedLearning(Universal):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        context.surrogate.model(context.train.images.inputs([0, 1]))
        return super().fit(context)


class LearnsAtRandom(Universal):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        return {"delta": super().fit(context)["delta"] * float(np.random.default_rng().random())}


class TakesNoGradients(Universal):
    def fit(self, context: LearningContext) -> dict[str, Tensor]:
        return {"delta": torch.ones(1, 3, 16, 16)}


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


class TestGood(GradientAttackContract):
    @pytest.fixture
    def attack(self) -> Attack:
        return Good()


class TestUniversal(AttackContract):
    @pytest.fixture
    def attack(self) -> Attack:
        return Universal()


class TestAsks(AttackContract):
    @pytest.fixture
    def attack(self) -> Attack:
        return Asks()


def spec(cls: type, **changes: object) -> AttackSpec:
    """A spec of a class that needs gradients, with some fields changed."""
    told = {"goals": frozenset({Goal.UNTARGETED}), "needs": frozenset({Capability.GRADIENTS}), **changes}
    return AttackSpec(name="toy", factory=f"{__name__}:{cls.__name__}", summary="A toy", **told)  # type: ignore[arg-type]  # fields of a spec


TestRightSpec = sound(AttackContract, "spec_says_what_it_is", attack=Good, spec=lambda: spec(Good))
TestWrongGoal = faulty(
    AttackContract,
    "spec_says_what_it_is",
    attack=Good,
    spec=lambda: spec(Good, goals=frozenset({Goal.TARGETED})),
)
TestWrongNeeds = faulty(
    AttackContract, "spec_says_what_it_is", attack=Good, spec=lambda: spec(Good, needs=frozenset(Capability))
)

TestFewerNorms = sound(
    AttackContract, "spec_says_what_it_is", attack=Good, spec=lambda: spec(Good, norms=frozenset({Norm.L2}))
)
TestMoreNorms = faulty(
    AttackContract, "spec_says_what_it_is", attack=Good, spec=lambda: spec(Good, norms=frozenset(Norm))
)

TestTooLong = faulty(AttackContract, "stays_in_ball_and_box", attack=TooLong)
TestBlindInL2 = faulty(AttackContract, "beats_noise", attack=BlindInL2)
TestFlippedSign = faulty(GradientAttackContract, "beats_noise", "reaches_the_analytic_optimum", attack=FlippedSign)
TestScalarLoss = faulty(GradientAttackContract, "loss_has_one_value_per_query", attack=ScalarLoss)
TestMixedBatch = faulty(
    GradientAttackContract, "loss_of_a_query_is_its_own", "batch_size_changes_nothing", attack=MixedBatch
)
TestTimid = faulty(GradientAttackContract, "reaches_the_analytic_optimum", attack=Timid)
TestNoClamp = faulty(AttackContract, "stays_in_ball_and_box", attack=NoClamp)
TestMovesAtZero = faulty(AttackContract, "epsilon_zero_returns_the_inputs", attack=MovesAtZero)
TestGlobalTorch = faulty(
    AttackContract,
    "draws_from_its_context_alone",
    "order_changes_nothing",
    "batch_size_changes_nothing",
    attack=GlobalTorch,
)
TestGlobalNumpy = faulty(AttackContract, "draws_from_its_context_alone", attack=GlobalNumpy)
TestRemembers = faulty(AttackContract, "remembers_nothing_between_batches", "same_seed_same_bytes", attack=Remembers)
TestLeavesAHook = faulty(AttackContract, "leaves_everything_as_it_was", attack=LeavesAHook)
TestChangesAWeight = faulty(AttackContract, "leaves_everything_as_it_was", attack=ChangesAWeight)
TestChangesItsInputs = faulty(AttackContract, "leaves_everything_as_it_was", attack=ChangesItsInputs)
TestUncounted = faulty(AttackContract, "budget_counts_every_pass", attack=Uncounted)
TestPeeks = faulty(AttackContract, "asks_for_what_it_needs_and_no_more", attack=Peeks)
TestHidesItsNeed = faulty(AttackContract, "asks_for_what_it_needs_and_no_more", attack=HidesItsNeed)
TestUncountedLearning = faulty(AttackContract, "budget_counts_every_pass", attack=UncountedLearning)
TestLearnsAtRandom = faulty(AttackContract, "what_it_learns_repeats", attack=LearnsAtRandom)
TestTakesNoGradients = faulty(
    AttackContract, "budget_counts_every_pass", "asks_for_what_it_needs_and_no_more", attack=TakesNoGradients
)
TestAsksTooOften = faulty(AttackContract, "asks_no_more_than_it_says", attack=AsksTooOften)
TestAsksTheModelItself = faulty(AttackContract, "budget_counts_every_pass", attack=AsksTheModelItself)
TestHidesThatItAsks = faulty(
    AttackContract, "budget_counts_every_pass", "asks_for_what_it_needs_and_no_more", attack=HidesThatItAsks
)
TestNeverAsks = faulty(AttackContract, "budget_counts_every_pass", "beats_noise", attack=NeverAsks)
